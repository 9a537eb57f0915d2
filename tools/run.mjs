// `make run`: a territory of its own, a provider that serves it, and this machine as its box with the sample app. One fact
// a line on standard output; what the programs log goes to files beside their state.
import { spawn, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const home = path.resolve(root, process.env.WEBIZEN_RUN_DIR ?? '.run');
const base = Number(process.env.PORT_BASE ?? 8440);
const bin = (/** @type {string} */ name) => path.join(root, 'build/bin', `${name}.js`);
const provider = path.join(home, 'provider');
const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);

let began = Date.now();
const step = (/** @type {string} */ fact, /** @type {string} */ name) => {
  say(fact);
  say(`time ${name} ${((Date.now() - began) / 1000).toFixed(1)} s`);
  began = Date.now();
};
const fail = (/** @type {string} */ message) => {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
  return stop();
};

/** @type {import('node:child_process').ChildProcess[]} */
const children = [];
let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  // The box first, so that its provider still hears its goodbye.
  for (const child of children.toReversed()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  }
  rmSync(runtime, { recursive: true, force: true });
  process.exit();
}

/** @param {string[]} args */
function command(args) {
  const done = spawnSync(process.execPath, [bin('webizen-provider'), ...args], { encoding: 'utf8' });
  if (done.status === 0) return done.stdout;
  process.stderr.write(done.stderr);
  process.exit(done.status ?? 1);
}

/** @param {string} name @param {string[]} args */
function start(name, args) {
  const child = spawn(process.execPath, [bin(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const log = createWriteStream(path.join(home, `${name}.log`), { mode: 0o600 });
  child.stderr.pipe(log);
  children.push(child);
  child.once('exit', (code) => {
    if (stopping) return;
    log.end(() => {
      process.stderr.write(
        readFileSync(path.join(home, `${name}.log`), 'utf8')
          .split('\n')
          .slice(-8)
          .join('\n'),
      );
      void fail(`${name} ended with ${code ?? child.signalCode}; its log is ${path.join(home, `${name}.log`)}`);
    });
  });
  return child;
}

// A socket path has at most 107 bytes, and a checkout may lie deep.
const runtime = mkdtempSync(path.join(tmpdir(), 'webizen-'));
process.once('SIGINT', () => void stop());
process.once('SIGTERM', () => void stop());
process.once('SIGHUP', () => void stop());

mkdirSync(home, { recursive: true, mode: 0o700 });
if (!existsSync(path.join(provider, 'territory.json'))) {
  command([
    'init',
    '--dir',
    provider,
    '--territory',
    'home',
    '--name',
    'Home territory',
    '--jurisdiction',
    'AU-NSW',
    '--law',
    'New South Wales, Australia',
  ]);
  step('territory home', 'territory made');
}

const serving = start('webizen-provider', ['serve', '--dir', provider, '--port-base', String(base)]);
/** @type {Record<string, string>} */
const urls = {};
for await (const line of createInterface({ input: serving.stdout })) {
  const [name, value] = line.split(' ');
  if (name === 'ready') break;
  urls[name] = value;
}
if (!urls.console) await new Promise(() => {}); // it has ended, and its end is told above
serving.stdout.resume();
const secret = readFileSync(path.join(provider, 'operator.secret'), 'utf8').trim();
say(`console ${urls.console}`);
say(`est ${urls.est}`);
say(`broker ${urls.broker}`);
step(`secret ${secret}`, 'provider serves');

const claimFile = path.join(home, 'claim');
const dataDir = path.join(home, 'box');
if (!existsSync(path.join(dataDir, 'identity/operational.pem')) && !existsSync(claimFile)) {
  const [claim] = JSON.parse(command(['claim', 'create', '--dir', provider, '--label', 'make run', '--json']));
  writeFileSync(claimFile, `${claim.code}\n`, { mode: 0o600 });
}
const rootCertificate = new X509Certificate(readFileSync(path.join(provider, 'ca/root.crt')));
const configFile = path.join(home, 'agent.json');
writeFileSync(
  configFile,
  JSON.stringify(
    {
      dataDir,
      runtimeDir: runtime,
      territory: { est: urls.est, caSha256: createHash('sha256').update(rootCertificate.raw).digest('hex') },
      claimCodeFile: claimFile,
      health: { intervalSeconds: 5, batchSeconds: 5 },
      apps: [
        {
          id: 'visits',
          command: [process.execPath, path.join(root, 'build/examples/visits.js')],
          grants: ['storage', 'health.read'],
          quotaBytes: 1024 * 1024,
        },
      ],
    },
    null,
    2,
  ),
  { mode: 0o600 },
);

const boxes = async () => {
  const reply = await fetch(`${urls.console}/v1/boxes`, { headers: { authorization: `Bearer ${secret}` } });
  return reply.ok ? /** @type {Promise<any[]>} */ (reply.json()) : [];
};
const startedAt = Date.now();
const agent = start('webizen-agent', ['--config', configFile]);
agent.stdout.resume();

const status = () => {
  const done = spawnSync(process.execPath, [bin('webizen-agent'), 'status', '--json', '--config', configFile], {
    encoding: 'utf8',
  });
  return done.status === 0 ? JSON.parse(done.stdout) : undefined;
};
const pause = (/** @type {number} */ milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** @template T @param {() => T | undefined | Promise<T | undefined>} ask @returns {Promise<T>} */
const until = async (ask) => {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause(100);
  }
};

const box = await until(() => status()?.box ?? undefined);
say(`box ${box}`);
step('enrolled', 'box enrolled');
await until(async () =>
  (await boxes()).find((one) => one.id === box && one.state === 'online' && one.health && one.health.at >= startedAt),
);
step('first health report received', 'health received');
