/**
 * Enrolments a second by factory identity: each device over a new mutual TLS connection with its own IDevID, against a
 * bare https server with the same TLS and answers of the same size.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { makeCsr } from '#common/pki/csr.js';
import { oid, printable, sequence, set } from '#common/pki/der.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { oids } from '#common/pki/oids.js';
import { certificateToPem } from '#common/pki/pem.js';
import { make } from '../support/chains.js';
import { type Conditions, type Figure, figure, median } from './compare.js';
import { estRequest, leafOf } from './territory.js';
import { askOnce, type Once, rateOf } from './tls.js';
import { built, part, type Workshop } from './workshop.js';

const atOnce = 16;
const day = 86_400_000;
const serial = (text: string) => sequence(set(sequence(oid(oids.serialNumber), printable(text))));

export async function admission(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 2 : 7;
  const count = short ? 150 : 600;
  const directory = path.join(await workshop.folder(), 'provider');
  const wish = ['--territory', 'bench', '--name', 'Bench', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales'];
  await workshop.output([built('bin/webizen-provider.js'), 'init', '--dir', directory, ...wish]);
  const [from, until] = [Date.now() - day, Date.now() + 9000 * day];
  const maker = await make({ name: 'maker', from, until, ca: true });
  const makerFile = path.join(directory, '..', 'maker.crt');
  await writeFile(makerFile, certificateToPem(maker.certificate.raw));
  const desk = path.join(directory, '..', 'alliance');
  const listed = path.join(directory, '..', 'directory.jws');
  const command = (...args: string[]) => workshop.output([built('bin/webizen-provider.js'), ...args]);
  await command('alliance', 'init', '--dir', desk);
  await command('alliance', 'maker', 'add', '--dir', desk, '--id', 'maker', '--name', 'Maker', '--ca', makerFile);
  await command('alliance', 'publish', '--dir', desk, '--out', listed);
  await command('directory', 'accept', listed, '--dir', directory, '--keys', path.join(desk, 'keys.json'));
  const program = await workshop.serve([part('open-provider'), directory]);
  const port = Number(program.said[0]);

  const key = newPrivateKey();
  const keyPem = keyToPem(key);
  const csr = await makeCsr({ commonName: 'new-box', signer: signerOf(key) });
  async function devices(round: number, number: number): Promise<Once[]> {
    return Promise.all(
      Array.from({ length: number }, async (_, index): Promise<Once> => {
        const subject = serial(`BENCH-${round}-${index}`);
        const { certificate } = await make({ name: '', subject, from, until, by: maker, ca: false, key });
        // What the server is is not judged here: the client is to cost little.
        const context = createSecureContext({ key: keyPem, cert: certificateToPem(certificate.raw) });
        return { port, context, request: estRequest('simpleenroll', csr), rejectUnauthorized: false };
      }),
    );
  }
  const [first] = await devices(-1, 1);
  const answer = await askOnce(first!);
  leafOf(answer);
  const bare = await workshop.serve([part('bare-est'), directory, String(answer.length)]);
  const barePort = Number(bare.said[0]);
  const rates = { ours: [] as number[], bare: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const requests = await devices(round, count);
    const ours = await rateOf(requests, atOnce, () => {});
    const theirs = await rateOf(
      requests.map((one) => ({ ...one, port: barePort })),
      atOnce,
      () => {},
    );
    if (round === 0) continue; // warm
    rates.ours.push(ours);
    rates.bare.push(theirs);
  }
  await bare.stop();
  await program.stop();
  return [figure('est.idevid', 'requests/s', { value: median(rates.ours), reference: median(rates.bare) })];
}
