/**
 * Enrolments a second by claim code over new TLS connections, and renewals over new mutual ones, against a bare https
 * server with the same TLS and answers of the same size. The client's secure contexts are made beforehand: making one
 * costs as much as a handshake. No session is resumed, as no box enrols twice.
 */
import { createSecureContext } from 'node:tls';
import { makeCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { commonNameOf } from '#common/pki/subject.js';
import { testPostgres } from '../support/postgres.js';
import { type Conditions, type Figure, figure, median } from './compare.js';
import { estRequest, leafOf, openTerritory, type Territory } from './territory.js';
import { type Once, rateOf } from './tls.js';
import { cpuMilliseconds, type Program, part, type Workshop } from './workshop.js';

const atOnce = 16;
const unit = 'requests/s';

interface Side {
  rates: number[];
  cpu: number;
  count: number;
}
const side = (): Side => ({ rates: [], cpu: 0, count: 0 });

export async function est(
  workshop: Workshop,
  territory: Territory,
  { short, say }: Conditions,
  name = 'est',
): Promise<Figure[]> {
  const rounds = short ? 2 : 7;
  const count = short ? 150 : 600;
  const key = newPrivateKey();
  const signer = signerOf(key);
  const keyPem = keyToPem(key);
  const newBox = await makeCsr({ commonName: 'new-box', signer });
  let bare: (Program & { said: string[] }) | undefined;

  async function measure(to: Side, program: Program, requests: Once[], done = (_answer: Buffer, _index: number) => {}) {
    const before = await cpuMilliseconds(program.pid);
    to.rates.push(await rateOf(requests, atOnce, done));
    to.cpu += (await cpuMilliseconds(program.pid)) - before;
    to.count += requests.length;
  }

  const enrol = { ours: side(), bare: side() };
  const renew = { ours: side(), bare: side() };
  for (let round = -1; round < rounds; round += 1) {
    const claims = await territory.claims(count);
    const requests = claims.map((claim) => ({
      port: territory.estPort,
      context: territory.context,
      request: estRequest('simpleenroll', newBox, claim),
    }));
    const answers: Buffer[] = [];
    const keep = (answer: Buffer, index: number) => {
      answers[index] = answer;
    };
    const warm = round < 0; // its figures go to a side that nobody reads
    await measure(warm ? side() : enrol.ours, territory.program, requests, keep);
    bare ??= await workshop.serve([part('bare-est'), territory.directory, String(answers[0]?.length)]);
    const barePort = Number(bare.said[0]);
    const toBare = (list: Once[]) => list.map((one) => ({ ...one, port: barePort }));
    await measure(warm ? side() : enrol.bare, bare, toBare(requests));

    const renewals = await Promise.all(
      answers.map(async (answer): Promise<Once> => {
        const leaf = leafOf(answer);
        const csr = await makeCsr({ commonName: commonNameOf(leaf) ?? '', signer });
        const context = createSecureContext({ ca: territory.root, key: keyPem, cert: certificateToPem(leaf.raw) });
        return { port: territory.estPort, context, request: estRequest('simplereenroll', csr) };
      }),
    );
    await measure(warm ? side() : renew.ours, territory.program, renewals);
    await measure(warm ? side() : renew.bare, bare, toBare(renewals));
  }
  await bare?.stop();

  const result = (what: string, { ours, bare }: { ours: Side; bare: Side }): Figure => {
    const each = ({ cpu, count }: Side) => `${(cpu / count).toFixed(2)} ms`;
    say(`${name}.${what}: CPU of the server for one request: ${each(ours)}, the bare one ${each(bare)}`);
    return figure(`${name}.${what}`, unit, { value: median(ours.rates), reference: median(bare.rates) });
  };
  return [result('enrol', enrol), result('reenrol', renew)];
}

/** The same with the territory's records in PostgreSQL, as Debian has it, on the same machine. */
export async function estPostgres(workshop: Workshop, conditions: Conditions): Promise<Figure[]> {
  const ends: (() => unknown)[] = [];
  try {
    const server = await testPostgres({ teardown: (end) => ends.push(end) });
    const territory = await openTerritory(workshop, [], server.create('bench'));
    const figures = await est(workshop, territory, conditions, 'est.postgres');
    conditions.say(`est.postgres: ${server.ask('bench', 'SELECT written FROM control')} commits`);
    await territory.program.stop();
    return figures;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
