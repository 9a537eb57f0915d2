/** The control plane's machine dies, sleeps or is ended: another goes on with its records, and nothing is given twice. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import t from 'tap';
import type { Static } from 'typebox';
import { crlFromPem } from '#common/pki/crl.js';
import { keyToPem, newPrivateKey } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import type { BoxSummary, Claim, CreatedClaim } from '#contract/operator.js';
import type { CommandPage } from '#contract/operator-commands.js';
import { testBox } from '../support/box.js';
import { type Answer, basicOf, certificateIn, csr, est } from '../support/est.js';
import { testMosquitto } from '../support/mosquitto.js';
import { testPostgres } from '../support/postgres.js';
import { testProvider } from '../support/provider.js';
import { pairOf, serveOn } from '../support/standby.js';
import { startWorker } from '../support/workers.js';

const server = await testPostgres(t, { fsync: 'off' });

interface Asking {
  ca: string;
  portBase: number;
  code?: string;
  body: string;
  with?: { cert: string; key: string };
  what?: string;
}

/** One request of a box, on a connection of its own. */
const post = ({ ca, portBase, code, body, what = 'simpleenroll', ...asked }: Asking): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/pkcs10',
      ...(code !== undefined && { authorization: basicOf(`claim:${code}`) }),
    };
    const place = { host: '127.0.0.1', port: portBase, path: `${est}/${what}`, method: 'POST', agent: false as const };
    const call = request({ ...place, ca, headers, ...asked.with }, async (reply) => {
      const chunks: Buffer[] = [];
      for await (const chunk of reply) chunks.push(Buffer.from(chunk));
      resolve({ status: reply.statusCode ?? 0, headers: '', body: Buffer.concat(chunks) });
    });
    call.once('error', reject);
    call.end(body);
  });

const consoleOf = async (directory: string, portBase: number) => {
  const secret = (await readFile(path.join(directory, 'operator.secret'), 'utf8')).trim();
  return async <T>(place: string, body?: object): Promise<T> => {
    const reply = await fetch(`http://127.0.0.1:${portBase + 2}${place}`, {
      headers: { authorization: `Bearer ${secret}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    if (!reply.ok) throw new Error(`${place}: ${reply.status} ${await reply.text()}`);
    return (reply.status === 204 ? undefined : await reply.json()) as T;
  };
};
const crlNumber = async (directory: string) =>
  crlFromPem(await readFile(path.join(directory, 'ca/crl.pem'), 'utf8')).number;

t.test('the machine is killed, and its box finds the other: renewed, commanded and revoked there', async (t) => {
  const provider = await testProvider(t, { leafLifetime: '20s' });
  const portBase = Number(new URL(provider.est).port);
  const { first, second, database, ask } = await pairOf(provider, server.create('takeover'));
  const a = serveOn(t, { directory: first, database, portBase });
  await a.said('ready');
  const b = serveOn(t, { directory: second, database, portBase });
  await b.said('standing by');

  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  const id = (await box.until(({ link, health }) => link.online && health.acknowledged > 0)).box ?? '';
  const stolen = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await stolen.start();
  const stolenId = (await stolen.until(({ link }) => link.online)).box ?? '';
  const open = await provider.claim();
  const commandOn = async (directory: string) => {
    const done = await ask('box', 'command', id, 'refresh', '--dir', directory, '--json');
    if (done.status !== 0) throw new Error(done.stderr);
  };
  const commands = async () => {
    const { commands: all } = await provider.api<Static<typeof CommandPage>>(`/v1/boxes/${id}/commands`);
    return all;
  };
  await commandOn(first);
  await provider.api(`/v1/boxes/${stolenId}/revoke`, { method: 'POST', body: {} });
  const numberBefore = await crlNumber(first);
  const serial = box.agent?.status().certificate?.serial;

  await a.kill();
  await b.said('ready');
  const reached = box.agent?.status().health.lastSequence ?? 0;
  await box.until(({ link, health }) => link.online && health.acknowledged > reached);
  t.ok((await crlNumber(second)) > numberBefore, 'the number of the revocation list goes on');
  t.match(await provider.api(`/v1/boxes/${stolenId}`), { state: 'revoked' });
  await commandOn(second);
  const sequences = (await commands()).map(({ id: command }) => command);
  t.equal(new Set(sequences).size, 2, 'each command has a number of its own');
  await box.until(({ certificate, link }) => link.online && certificate?.serial !== serial);
  t.pass('and it renews');
  const late = await testBox(t, { ...provider, claim: open.code });
  await late.start();
  await late.until(({ link }) => link.online);
  t.match(
    (await provider.claims()).find(({ id: claim }) => claim === open.id),
    { state: 'used' },
    'a claim of the first serves at the second',
  );
  t.match(await ask('audit', 'verify', '--dir', second), { status: 0 }, 'the audit log is one chain');

  t.match(await ask('command-key', 'roll', '--dir', second), { status: 0 });
  const fresh = path.join(path.dirname(first), 'fresh');
  t.match(await ask('standby', 'export', '--dir', second, '--out', fresh), { status: 0 });
  t.match(await ask('standby', 'import', '--dir', second, '--from', fresh), { stderr: /directory-in-use/ });
  t.match(await ask('standby', 'import', '--dir', first, '--from', fresh), { status: 0 }, 'its keys come with it');
  const again = serveOn(t, { directory: first, database, portBase });
  await again.said('standing by');
  b.signal('SIGTERM');
  t.match(await b.ended, { code: 0 });
  await again.said('ready');
  const then = box.agent?.status().health.lastSequence ?? 0;
  await box.until(({ link, health }) => link.online && health.acknowledged > then);
  t.pass('and back again, at once');
  for (const one of [box, stolen, late]) await one.stop();
});

t.test(
  'killed at each step of an enrolment and a renewal: the same key gets one certificate, from whoever serves',
  async (t) => {
    const provider = await testProvider(t);
    const { first, second, database, otherPorts } = await pairOf(provider, server.create('steps'));
    const ca = await readFile(path.join(first, 'ca/root.crt'), 'utf8');
    const program = path.join(import.meta.dirname, '../support/standing-child.js');
    const portBases = [Number(new URL(provider.est).port), otherPorts];
    const directories = [first, second];
    const written = () =>
      server.ask(
        'steps',
        `SELECT count(*) FROM control_records WHERE value IS NOT NULL AND encode(key, 'escape') LIKE '!boxes!%'`,
      );

    let turn = 0;
    const next = () =>
      serveOn(t, { directory: directories[turn % 2]!, database, portBase: portBases[turn % 2]!, program, lease: '1s' });
    let serving = next();
    await serving.said('ready');
    const count = { boxes: 0 };
    for (const step of ['before 0', 'after 0', 'before 1', 'after 1']) {
      const { code } = await (await consoleOf(directories[turn % 2]!, serving.portBase))<CreatedClaim>(
        '/v1/claims',
        {},
      );
      const key = newPrivateKey();
      const wish = { ca, code, body: await csr(key) };

      async function killedAt(asked: Omit<Asking, 'portBase'>): Promise<Answer> {
        serving.tell(step);
        await serving.said('armed');
        const lost = post({ ...asked, portBase: serving.portBase }).catch(() => undefined);
        // A later step may come with something else that is written, or not at all.
        await Promise.race([serving.said('stands'), lost]);
        await serving.kill();
        const early = await lost;
        turn += 1;
        serving = next();
        await serving.said('ready');
        const answer = await post({ ...asked, portBase: serving.portBase });
        if (early?.status === 200)
          t.equal(certificateIn(early).serialNumber, certificateIn(answer).serialNumber, 'as it was answered before');
        const again = await post({ ...asked, portBase: serving.portBase });
        t.equal(certificateIn(again).serialNumber, certificateIn(answer).serialNumber, `${step}: and again the same`);
        return answer;
      }

      const certificate = certificateIn(await killedAt(wish));
      count.boxes += 1;
      t.equal(Number(written()), count.boxes, `${step}: one claim, one box`);
      const id = certificate.subject.replace('CN=', '');
      const credentials = { cert: certificateToPem(certificate.raw), key: keyToPem(key) };
      const renewal = { ca, with: credentials, body: await csr(newPrivateKey(), id), what: 'simplereenroll' };
      const renewed = certificateIn(await killedAt(renewal));
      t.not(renewed.serialNumber, certificate.serialNumber);
      t.equal(renewed.subject, certificate.subject);
      const other = await post({ ...wish, body: await csr(), portBase: serving.portBase });
      t.match([other.status, `${other.body}`], [401, /claim-used/], 'another key gets nothing for that claim');
    }
    await serving.kill();
  },
);

t.test('a machine that slept while another took over writes nothing, and ends', async (t) => {
  const provider = await testProvider(t);
  const { first, second, database, otherPorts } = await pairOf(provider, server.create('asleep'));
  const ca = await readFile(path.join(first, 'ca/root.crt'), 'utf8');
  const a = serveOn(t, { directory: first, database, portBase: Number(new URL(provider.est).port), lease: '1s' });
  await a.said('ready');
  const claim = await provider.claim();
  const b = serveOn(t, { directory: second, database, portBase: otherPorts, lease: '1s' });
  const [, door = ''] = (await b.said('standby ')).split(' ');
  const waits = await fetch(door);
  t.match([waits.status, waits.headers.get('retry-after')], [503, '5'], 'at the door it says that it stands by');
  t.match(await waits.json(), { code: 'control-standby', state: 'standby' });
  await t.rejects(post({ ca, portBase: otherPorts, body: await csr() }), 'and takes nobody in');
  const health = `http://127.0.0.1:${a.portBase + 2}/health`;
  t.match(await (await fetch(health)).json(), { state: 'serving' });

  a.signal('SIGSTOP');
  await b.said('ready');
  const asked = { ca, code: claim.code, body: await csr() };
  const late = post({ ...asked, portBase: a.portBase }).catch(() => undefined); // the kernel takes it for the sleeper
  const own = certificateIn(await post({ ...asked, portBase: b.portBase }));
  a.signal('SIGCONT');
  const told = await late;
  t.ok(told === undefined || told.status >= 500, 'who asks the one that slept gets no certificate');
  const { code, stderr } = await a.ended;
  t.equal(code, 1);
  t.match(stderr, /control-lost/);
  t.equal(certificateIn(await post({ ...asked, portBase: b.portBase })).serialNumber, own.serialNumber);
  const boxes = await (await consoleOf(second, otherPorts))<BoxSummary[]>('/v1/boxes');
  t.equal(boxes.length, 1);
  await b.kill();
});

t.test('PostgreSQL is killed under it: each claim that was answered is there, and no other', async (t) => {
  const provider = await testProvider(t);
  const { first, database } = await pairOf(provider, server.create('restarted'));
  const a = serveOn(t, { directory: first, database, portBase: Number(new URL(provider.est).port) });
  await a.said('ready');
  const made: string[] = [];
  let refused = 0;
  let enough = false;
  const work = Array.from({ length: 4 }, async () => {
    while (!enough)
      await provider.claim().then(
        ({ id }) => made.push(id),
        () => {
          refused += 1;
        },
      );
  });
  for (let kill = 0; kill < 3; kill += 1) {
    const before = made.length;
    while (made.length < before + 20) await new Promise((resolve) => setTimeout(resolve, 5)); // a look, not an event
    await server.kill();
    await server.start();
  }
  const last = made.length;
  while (made.length < last + 20) await new Promise((resolve) => setTimeout(resolve, 5));
  enough = true;
  await Promise.all(work);
  const there = (await provider.claims()).map(({ id }: Claim) => id);
  t.same(there.sort(), [...made].sort(), `${made.length} claims, ${refused} refused`);

  const health = async () => (await fetch(`http://127.0.0.1:${a.portBase + 2}/health`)).status;
  const becomes = async (status: number) => {
    while ((await health()) !== status) await new Promise((resolve) => setTimeout(resolve, 50)); // a look, not an event
  };
  await server.stop();
  await becomes(503);
  t.equal((await provider.claims()).length, made.length, 'what there is can be read meanwhile');
  await server.start();
  await becomes(200);
  await provider.claim();
  a.signal('SIGTERM');
  t.match(await a.ended, { code: 0 });
});

t.test(
  'a backup of whoever serves is restored into a directory, and moved from there into another database',
  async (t) => {
    const provider = await testProvider(t);
    const { first, second, database, otherPorts, ask } = await pairOf(provider, server.create('saved'));
    const ca = await readFile(path.join(first, 'ca/root.crt'), 'utf8');
    const portBase = Number(new URL(provider.est).port);
    const a = serveOn(t, { directory: first, database, portBase });
    await a.said('ready');
    const [{ code }, open] = [await provider.claim(), await provider.claim()];
    const key = newPrivateKey();
    const certificate = certificateIn(await post({ ca, portBase, code, body: await csr(key) }));
    const number = await crlNumber(first);
    const folder = path.dirname(first);
    const [file, restored] = [path.join(folder, 'backup'), path.join(folder, 'restored')];
    t.match(await ask('backup', '--dir', first, '--out', file), { status: 0 });
    await a.kill();
    t.match(
      await ask('backup', '--dir', first, '--out', `${file}-2`),
      { status: 1, stderr: /store-moved/ },
      'who serves is asked',
    );
    t.match(await ask('restore', '--from', path.join(folder, 'carried'), '--dir', restored), {
      stderr: /backup-damaged/,
    });
    t.match(await ask('restore', '--from', file, '--dir', restored), { status: 0 });
    const elsewhere = server.create('restored');
    t.match(await ask('migrate-store', '--control', '--dir', restored, '--to', database), {
      stderr: /database-used/,
    });
    t.match(await ask('migrate-store', '--control', '--dir', restored, '--to', elsewhere), {
      status: 0,
      stdout: /records moved/,
    });
    const b = serveOn(t, { directory: restored, database: elsewhere, portBase: otherPorts });
    await b.said('ready');
    t.ok((await crlNumber(restored)) > number + 999_999n, 'numbers have jumped');
    const id = certificate.subject.replace('CN=', '');
    const credentials = { cert: certificateToPem(certificate.raw), key: keyToPem(key) };
    const renewal = { ca, with: credentials, body: await csr(newPrivateKey(), id), what: 'simplereenroll' };
    t.equal(certificateIn(await post({ ...renewal, portBase: otherPorts })).subject, certificate.subject);
    const claims = await (await consoleOf(restored, otherPorts))<Claim[]>('/v1/claims');
    t.match(
      claims.find(({ id: claim }) => claim === open.id),
      { state: 'revoked' },
    );
    t.match(
      await ask('standby', 'import', '--dir', restored, '--from', path.join(folder, 'carried')),
      { status: 1 },
      'it serves',
    );
    t.match(
      await ask('serve', '--dir', second, '--port-base', '0'),
      { status: 1, stderr: /store-moved/ },
      'never without its records',
    );
    t.match(await ask('standby', 'export', '--dir', second), { status: 2 });
    t.match(await ask('standby'), { status: 2 });
  },
);

t.test(
  'with mosquitto and a worker: boxes report on while nobody holds the records, and the second machine goes on',
  async (t) => {
    const provider = await testProvider(t);
    const mosquitto = await testMosquitto(t, provider.directory);
    const { first, second, database, ask } = await pairOf(provider, server.create('atsize'));
    const { url, helper = '' } = mosquitto.outside;
    const portBase = Number(new URL(provider.est).port);
    const more = ['--role', 'est,api,console', '--broker', url, '--broker-helper', helper];
    const a = serveOn(t, { directory: first, database, portBase, more });
    await a.said('ready');
    await startWorker(t, { directory: first, broker: url, database }, 1);
    const b = serveOn(t, { directory: second, database, portBase, more });
    await b.said('standing by');
    const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
    await box.start();
    const { id } = await provider.until(({ state }) => state === 'online');
    await box.until(({ health }) => health.acknowledged > 0);

    await a.kill();
    const reached = box.agent?.status().health.lastSequence ?? 0;
    await box.until(({ health }) => health.acknowledged > reached);
    await b.said('ready');
    await provider.until(({ state }) => state === 'online');
    t.match(await ask('box', 'command', id, 'refresh', '--dir', second), { status: 0 });
    const last = async () => (await provider.api<Static<typeof CommandPage>>(`/v1/boxes/${id}/commands`)).commands[0];
    while ((await last())?.state !== 'done') await new Promise((resolve) => setTimeout(resolve, 50)); // a look, not an event
    t.match(await last(), { state: 'done' }, 'it commands');
    const out = path.join(path.dirname(first), 'broker');
    const config = ['broker', 'config', 'mosquitto', '--dir', second, '--out', out, '--host', 'localhost'];
    t.match(await ask(...config), { status: 0 }, 'and its broker can be set up again');
    const left = box.until(({ link }) => !link.online);
    await provider.api(`/v1/boxes/${id}/revoke`, { method: 'POST', body: {} });
    await left;
    t.pass('and cuts off');
    await box.stop();
  },
);
