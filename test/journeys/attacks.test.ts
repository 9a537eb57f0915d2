/** Attacks on whole boxes that run, from the networks around them. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { keyToPem } from '#common/pki/keys.js';
import { oids } from '#common/pki/oids.js';
import { certificatesFromPem, certificateToPem, encodeBody } from '#common/pki/pem.js';
import { buildCertsOnly } from '#common/pki/pkcs7.js';
import { AgentStatus } from '#contract/agent-status.js';
import { check } from '#contract/parse.js';
import { adminSocket, parseConfig } from '../../agent/config.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { testAlliance } from '../support/alliance.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { make } from '../support/chains.js';
import { answered } from '../support/est.js';
import { command, testProvider } from '../support/provider.js';

const run = promisify(execFile);
const day = 86_400_000;

async function elect(box: TestBox, claimCode: string): Promise<string | null> {
  const { owner, membership } = box.agent!.rooms();
  const passphrase = 'correct horse battery';
  const signer = owner.isSet() ? await owner.unlock(passphrase) : (await owner.set({ passphrase })).signer;
  return membership.elect({ territory: 'home', ownJurisdiction: 'AU-NSW', claimCode }, signer);
}

t.test('two boxes with one claim code at once: one wins, the other is told, and nothing is lost', async (t) => {
  const provider = await testProvider(t, { territory: 'home' });
  await provider.start();
  const boxes = [];
  for (let count = 0; count < 2; count += 1) {
    const box = await testBox(t, { territories: [provider.listing] });
    await box.start();
    boxes.push(box);
  }
  const { code } = await provider.claim();
  await Promise.all(boxes.map((box) => elect(box, code)));
  const settled = await Promise.all(
    boxes.map((box) => box.until(({ membership }) => ['enrolled', 'refused'].includes(membership.current.phase))),
  );
  const won = settled.findIndex(({ box }) => box !== null);
  const [winner, loser] = [boxes[won]!, boxes[1 - won]!];
  t.match(settled[1 - won], {
    box: null,
    certificate: null,
    membership: { current: { phase: 'refused', problem: { code: 'claim-used' } }, change: null },
  });
  const first = await winner.until(({ health }) => health.acknowledged > 0);
  t.match(await provider.boxes(), [{ id: first.box }]);
  t.match(await provider.claims(), [{ state: 'used', box: first.box }]);

  await elect(loser, (await provider.claim()).code);
  const second = await loser.until(({ health }) => health.acknowledged > 0);
  t.not(second.box, first.box);
  t.equal((await provider.boxes()).length, 2);
});

/** Whoever answers at that port, with a certificate for its name that the machine's own trust store knows. */
async function impostor(t: Test, est: string, folder: string) {
  const times = { from: Date.now() - day, until: Date.now() + 30 * day };
  const root = await make({ name: 'Public Web Root', ca: true, ...times });
  const leaf = await make({ name: 'web', by: root, ca: false, eku: [oids.serverAuth], hosts: ['127.0.0.1'], ...times });
  const store = path.join(folder, 'public.crt');
  await writeFile(store, certificateToPem(root.certificate.raw));
  const asked: string[] = [];
  const shown = { cas: [root.certificate.raw] };
  const server = createServer(
    {
      key: keyToPem(leaf.key),
      cert: certificateToPem(leaf.certificate.raw) + certificateToPem(root.certificate.raw),
      requestCert: true,
      rejectUnauthorized: false,
    },
    async (request, reply) => {
      let bytes = 0;
      for await (const chunk of request) bytes += Buffer.from(chunk).length;
      asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'nobody'} ${bytes}`);
      const body = encodeBody(buildCertsOnly(shown.cas));
      reply.writeHead(200, { 'Content-Type': 'application/pkcs7-mime' }).end(body);
    },
  );
  server.listen(Number(new URL(est).port), '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(close);
  return { asked, shown, close, env: { ...process.env, NODE_EXTRA_CA_CERTS: store } };
}

t.test('an impostor with a valid public web certificate learns no claim code, whatever it shows', async (t) => {
  const provider = await testProvider(t, { territory: 'home' });
  await provider.start();
  const { code } = await provider.claim();
  await provider.stop();
  const box = await testBox(t, { territories: [provider.listing] });
  await box.start();
  await elect(box, code);
  await box.until(({ membership }) => membership.current.problem?.code === 'est-unreachable');
  await box.stop();

  const rogue = await impostor(t, provider.est, box.folder);
  const { env, asked } = rogue;
  const get = `require('node:https').get('${provider.est}/', (r) => process.exit(r.statusCode === 200 ? 0 : 1))`;
  await run(process.execPath, ['-e', get], { env });
  t.same(asked.splice(0), ['GET / nobody 0'], "this machine's trust store finds it right");

  const config = parseConfig(JSON.stringify(box.config));
  const agent = spawn(process.execPath, [command('webizen-agent'), '--config', box.configFile], {
    env,
    stdio: 'ignore',
  });
  t.teardown(() => killed(agent));
  const told = async (problem: string): Promise<AgentStatus> => {
    for (;;) {
      const status = await callControl(adminSocket(config.runtimeDir), 'status').catch(() => undefined);
      const parsed = status === undefined ? undefined : answered(check(AgentStatus, status));
      if (parsed?.membership.current.problem?.code === problem) return parsed;
      await systemClock.sleep(50);
    }
  };
  await told('ca-mismatch');
  // The territory's CAs are public: it can show them as well as the provider.
  const issuing = certificatesFromPem((await files.read(path.join(provider.directory, 'ca/issuing.crt')))!.toString());
  rogue.shown.cas = [...issuing.map(({ raw }) => raw), Buffer.from(provider.listing.ca[0]!, 'base64')];
  t.match(await told('server-untrusted'), { box: null, membership: { current: { territory: { id: 'home' } } } });
  t.ok(asked.length >= 2);
  t.same([...new Set(asked)], ['GET /.well-known/est/cacerts nobody 0']);
  await killed(agent);
  await rogue.close();

  await provider.start();
  t.match(await provider.claims(), [{ state: 'open' }]);
  await box.start();
  await box.until(({ health }) => health.acknowledged > 0);
});

t.test('an older directory that is played to a running box, or an altered one, changes nothing', async (t) => {
  const provider = await testProvider(t, { territory: 'home' });
  await provider.start();
  const times = { from: Date.now() - day, until: Date.now() + 30 * day };
  const web = await make({ name: 'web', ...times });
  const served = { body: '', count: 0 };
  const server = createServer(
    { key: keyToPem(web.key), cert: certificateToPem(web.certificate.raw) },
    (_request, reply) => {
      served.count += 1;
      reply.writeHead(200).end(served.body);
    },
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;

  const { alliance, publish, directory } = await testAlliance(t, systemClock);
  await alliance.addTerritory(provider.listing);
  await alliance.setUrls([`https://127.0.0.1:${port}/directory.jws`]);
  const older = await publish();
  const file = path.join(directory, 'directory.jws');
  await writeFile(file, older);
  served.body = older;
  // Days are short.
  const hasty: Host = {
    ...realHost,
    clock: { ...systemClock, sleep: (wait, signal) => systemClock.sleep(Math.min(wait, 200), signal) },
  };
  const keysFile = path.join(directory, 'keys.json');
  const box = await testBox(t, { more: { directory: { file, keysFile } } });
  await box.start(hasty);
  await elect(box, (await provider.claim()).code);
  await box.until(({ link }) => link.online);

  await alliance.changeTerritory('home', { standing: 'suspended', reason: 'under review' });
  const newer = await publish();
  served.body = newer;
  const isSuspended = ({ membership }: AgentStatus) => membership.current.territory?.standing === 'suspended';
  const suspended = await box.until(isSuspended);
  t.match(suspended, { link: { online: true } }, 'who is enrolled goes on');

  const afterAsks = async (count: number): Promise<AgentStatus> => {
    const from = served.count;
    return box.until(() => served.count >= from + count);
  };
  served.body = older;
  t.ok(isSuspended(await afterAsks(3)), 'genuine, and older');
  const [head, payload = '', signature] = newer.split('.');
  const eased = Buffer.from(payload, 'base64url').toString('utf8').replace('"suspended"', '"accredited"');
  served.body = [head, Buffer.from(eased).toString('base64url'), signature].join('.');
  const status = await box.until(({ refusals }) => refusals.some(({ code }) => code === 'directory-forged'));
  t.ok(isSuspended(status), 'altered');
  served.body = older;
  await box.stop();
  await box.start(hasty);
  await box.until(({ link }) => link.online);
  t.ok(isSuspended(await afterAsks(2)), 'nor when it starts again, with the older one in its image');
  const { entries } = await box.agent!.rooms().ledger.export();
  t.equal(entries.filter(({ type }) => type === 'standing').length, 1);

  // An image that was updated brings news of the box's own territory before anything of the box has been opened.
  await box.stop();
  await alliance.changeTerritory('home', { standing: 'accredited' });
  await writeFile(file, await publish());
  await box.start(hasty);
  await box.until(({ membership }) => membership.current.territory?.standing === 'accredited');
  const told = (await box.agent!.rooms().ledger.export()).entries.filter(({ type }) => type === 'standing');
  t.match(told, [{ facts: { to: 'suspended' } }, { facts: { from: 'suspended', to: 'accredited' } }]);
});
