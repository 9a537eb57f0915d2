/** `webizen app dev`: an app on a simulated box on its developer's machine. */

import { spawnSync } from 'node:child_process';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { call } from '../support/api-box.js';
import { type Bench, type Dev, devBench } from '../support/dev.js';

/** Tells each time that an answer of the box's is another than before. */
const prober = `
import { request } from 'node:http';
import { connect } from './webizen-client.mjs';
const box = connect();
const seen = new Map();
function tell(what, now) {
  if (seen.get(what) !== now) console.log(what + ' ' + now);
  seen.set(what, now);
}
const codeOf = (work) => work.then((value) => value ?? 'well', (error) => error.code ?? error.message);
let lasting;
async function tunnel() {
  const made = await box.egress.connect('api.example.com', 4000);
  made.on('error', () => {});
  if (lasting) return void made.destroy();
  lasting = made;
  tell('tunnel', 'open');
  made.once('close', () => {
    lasting = undefined;
    tell('tunnel', 'closed');
  });
}
let puts = 0;
/** Something new each time: what only takes the place of the same is let through when the storage is full. */
async function put() {
  const key = 'key ' + (puts += 1);
  await box.storage.put(key, 'value');
  await box.storage.delete(key);
}
async function look() {
  const began = performance.now();
  tell('put', await codeOf(put()));
  tell('speed', performance.now() - began > 300 ? 'slow' : 'fast');
  tell('egress', await codeOf(tunnel()));
  tell('attest', await codeOf(box.attest('test').then(() => 'well')));
  tell('day', await codeOf(box.box().then(({ time }) => Math.round((time - Date.now()) / 86_400_000))));
}
process.once('SIGTERM', () => { console.log('asked to end'); process.exit(0); });
box.ready().catch(() => {});
console.log('begun');
void (async () => {
  for await (const event of box.events()) {
    console.log('event ' + event.type + (event.type === 'connectivity' ? ' ' + event.online : ''));
    box.ready().catch(() => {});
  }
})();
for (;;) {
  await look();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
`;

const reason = { en: 'To be tried.' };

async function probingApp(t: Test, bench: Bench): Promise<void> {
  t.equal(bench.webizen('app', 'init', 'app', '--id', 'example.probe').status, 0);
  await writeFile(bench.at('app/app/main.mjs'), prober);
  const file = bench.at('app/webizen.json');
  const manifest = {
    ...JSON.parse(await readFile(file, 'utf8')),
    capabilities: ['storage', 'identity.attest', 'network.egress:api.example.com:4000'].map((capability) => ({
      capability,
      reason,
    })),
    health: { kind: 'ready' },
  };
  await writeFile(file, JSON.stringify(manifest));
}

const socketOf = async (dev: Dev): Promise<string> => (await dev.line(/^webizen: socket/)).split(/\s+/)[2] ?? '';

/** Something that takes connections and says nothing. */
async function listener(t: Test): Promise<string> {
  const server = createServer((socket) => void socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

for (const sandbox of ['bubblewrap', 'none'])
  t.test(`${sandbox}: an app is served, started again when it changes, and leaves nothing`, async (t) => {
    const bench = await devBench(t);
    t.equal(bench.webizen('app', 'init', 'app', '--id', 'example.visits').status, 0);
    const dev = bench.dev('app', '--sandbox', sandbox);
    await dev.line(/^started 1 times$/);
    await dev.line(/runs, and is healthy/);
    t.match(dev.text(), sandbox === 'none' ? /NOT SANDBOXED/ : /sandbox {3}bubblewrap\n/);
    t.match(dev.text(), /granted {3}storage\n/);
    const socket = await socketOf(dev);
    t.equal((await call(socket, 'GET', '/v1/storage/count')).text, '1', 'by curl too');
    t.match((await call(socket, 'GET', '/v1/self')).json, { sandbox, state: 'running', version: '1.0.0' });
    t.match((await call(socket, 'GET', '/v1/box')).json, { territory: { id: 'dev' }, online: true });

    const before = dev.mark();
    await mkdir(bench.at('app/app/more/deep'), { recursive: true });
    await writeFile(bench.at('app/app/more/deep/word.mjs'), "export const word = 'first';\n");
    await appendFile(bench.at('app/app/main.mjs'), "console.log((await import('./more/deep/word.mjs')).word);\n");
    await dev.line(/^started [23] times$/, before);
    const changed = dev.mark();
    await writeFile(bench.at('app/app/more/deep/word.mjs'), "export const word = 'second';\n");
    await dev.line(/^started [345] times$/, changed);

    const broken = dev.mark();
    const manifest = await readFile(bench.at('app/webizen.json'), 'utf8');
    await writeFile(bench.at('app/webizen.json'), manifest.replace('"1.0.0"', '"one"'));
    await dev.line(/\/version must be a version/, broken);
    t.equal((await call(socket, 'GET', '/v1/self')).status, 200, 'what ran goes on');
    await writeFile(
      bench.at('app/webizen.json'),
      manifest.replace('"storage"', '"health.read"').replace('"storageMiB": 1', '"storageMiB": 0'),
    );
    await dev.line(/^webizen: example.visits is started again in a moment: app-crashed/, broken);
    t.match((await call(socket, 'GET', '/v1/self')).json, { grants: ['health.read'] }, 'what is asked for is granted');

    t.equal(await dev.end('SIGINT'), 0);
    t.same(await bench.remains(), []);
    t.notOk(dev.text().includes('warn'), 'nothing was wrong');
  });

t.test('each fault is seen by the app, as it comes and as it goes', async (t) => {
  const bench = await devBench(t);
  await probingApp(t, bench);
  const dev = bench.dev('app', '--reach', `api.example.com=${await listener(t)}`);
  await dev.line(/runs, and is healthy/);
  await dev.line(/^tunnel open/);
  await dev.line(/^day 0/);
  const root = (await dev.line(/^webizen: root/)).split(/\s+/)[2] ?? '';
  const token = (await call(await socketOf(dev), 'POST', '/v1/identity/attestations', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ audience: 'https://example.com' }),
  })) as { json: { token: string } };
  const verifier = ['sdk/examples/attestation/verify.mjs', root, 'https://example.com'];
  const verified = spawnSync(process.execPath, verifier, { input: token.json.token, encoding: 'utf8' });
  t.match(JSON.parse(verified.stdout), { app: 'example.probe', territory: 'dev', version: '1.0.0' }, verified.stderr);

  async function fault(words: string, ...expected: RegExp[]): Promise<void> {
    const from = dev.mark();
    const done = bench.webizen('app', 'dev', 'fault', ...words.split(' '), 'app');
    t.equal(done.status, 0, `${words}: ${done.stderr}`);
    for (const pattern of expected) t.ok(await dev.line(pattern, from), `${words}: ${pattern}`);
  }
  await fault('grant:storage on', /^event grants/, /^put grant-missing/);
  await fault('grant:storage off', /^event grants/, /^put well/);
  await fault('grant', /^put grant-missing/, /^egress grant-missing/, /^attest grant-missing/);
  await fault('grant', /^put well/, /^egress well/, /^attest well/);
  await fault('quota on', /^put quota-exceeded/);
  await fault('quota off', /^put well/);
  await fault('disk', /^put disk-full/);
  await fault('disk', /^put well/);
  await fault('network on', /^tunnel closed/, /^egress egress-un(resolved|reachable)/);
  await fault('network off', /^egress well/, /^tunnel open/);
  await fault('provider on', /^event connectivity false/);
  await fault('provider off', /^event connectivity true/);
  await fault('clock on', /^attest attest-time-unknown/);
  await fault('clock off', /^attest well/);
  await fault('jump on', /^day 1/);
  await fault('jump off', /^day 0/);
  await fault('slow on', /^speed slow/);
  await fault('slow off', /^speed fast/);
  await fault('disk on', /^put disk-full/);
  await fault('restart', /^event shutdown/, /^event hello/);
  t.equal(dev.text().match(/^begun$/gm)?.length, 1, 'the agent’s restart stops no app');
  await fault('disk off', /^put well/);
  await fault('kill', /is started again in a moment: app-crashed/, /^begun$/, /runs, and is healthy/);

  t.match(bench.webizen('app', 'dev', 'fault', 'flood', 'app'), { status: 1, stderr: /dev-fault-unknown/ });
  t.match(bench.webizen('app', 'dev', 'fault', 'grant:notify', 'app'), { status: 1, stderr: /dev-not-asked-for/ });
  t.match(bench.webizen('app', 'dev', 'fault', 'quota:storage', 'app'), { status: 2, stderr: /arguments-invalid/ });
  t.match(bench.webizen('app', 'dev', 'app'), { status: 1, stderr: /directory-in-use/ }, 'one box a folder');
  await dev.line(/^put/, 0);
  const from = dev.mark();
  t.equal(await dev.end('SIGTERM'), 0);
  await dev.line(/^asked to end/, from);
  t.same(await bench.remains(), []);
  t.match(bench.webizen('app', 'dev', 'fault', 'disk', 'app'), { status: 1, stderr: /not-running/ });
});

t.test('at a terminal a key is a fault, and Ctrl-C ends', async (t) => {
  const bench = await devBench(t);
  await probingApp(t, bench);
  const dev = bench.devAtTerminal('app');
  await dev.line(/runs, and is healthy/);
  await dev.line(/keys switch faults/);
  const type = (key: string) => void dev.child.stdin?.write(key);
  type('d');
  await dev.line(/^put disk-full/);
  const from = dev.mark();
  type('d');
  await dev.line(/^put well/, from);
  type('?');
  await dev.line(/^q {2}quota .*storage of the app is full/);
  type('\u0003');
  t.equal(await dev.end('SIGCONT'), 0);
  t.same(await bench.remains(), []);
});

for (const sandbox of ['bubblewrap', 'none'])
  t.test(`${sandbox}: killed at once, it leaves no app behind, and begins again with what was stored`, async (t) => {
    const bench = await devBench(t);
    t.equal(bench.webizen('app', 'init', 'app', '--id', 'example.visits').status, 0);
    const first = bench.dev('app', '--sandbox', sandbox);
    await first.line(/^started 1 times$/);
    await first.line(/runs, and is healthy/);
    await first.end('SIGKILL');
    // The box hears that it is alone, and ends in good order; that it has is seen by its directory.
    const second = await (async () => {
      for (;;) {
        const next = bench.dev('app', '--sandbox', sandbox);
        try {
          await next.line(/^started 2 times$/);
          return next;
        } catch (error) {
          if (!/directory-in-use/.test(String(error))) throw error;
        }
      }
    })();
    await second.line(/runs, and is healthy/);
    // The box itself is killed: nothing is left to end the app but what surrounds it, and the next start.
    process.kill(bench.processes().find(({ line }) => line.includes('webizen-dev.js'))?.pid ?? 0, 'SIGKILL');
    t.equal(await second.end('SIGCONT'), 1);
    t.match(second.text(), /dev-box-ended/);
    const third = bench.dev('app', '--sandbox', sandbox);
    await third.line(/^started 3 times$/);
    await third.line(/runs, and is healthy/);
    t.equal(await third.end(), 0);
    t.same(await bench.remains(), []);
  });

t.test('once: it is started, tried and ended, and the exit code tells', async (t) => {
  const bench = await devBench(t);
  t.equal(bench.webizen('app', 'init', 'app', '--id', 'example.visits').status, 0);
  const well = bench.webizen('app', 'dev', 'app', '--once');
  t.equal(well.status, 0, well.stderr);
  t.match(well.stdout, /\d+ passed, 0 failed, \d+ not granted/);
  await writeFile(bench.at('app/app/main.mjs'), 'throw new Error("no teapot");\n');
  const ill = bench.webizen('app', 'dev', 'app', '--once');
  t.match(ill, { status: 1, stderr: /app-crashed/ });
  t.match(ill.stdout, /no teapot|Node/);
  await rm(bench.at('app/app'), { recursive: true });
  t.match(bench.webizen('app', 'dev', 'app', '--once').status, 1);
  t.match(bench.webizen('app', 'dev', 'nowhere'), { status: 1, stderr: /file-unreadable/ });
  t.match(bench.webizen('app', 'dev', 'app', '--reach', 'x'), { status: 2, stderr: /--reach is NAME=HOST:PORT/ });
  t.same(await bench.remains(), []);
});
