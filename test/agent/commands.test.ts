/** The built `webizen-agent`, as a person or a service manager runs it. */
import { once } from 'node:events';
import { chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { version } from '#common/version.js';
import { AgentStatus } from '#contract/agent-status.js';
import { check } from '#contract/parse.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { freePortBase, runCommand } from '../support/provider.js';

const nowhere = { est: 'https://127.0.0.1:9', caSha256: 'ab'.repeat(32) };
const agent = (...args: string[]) => runCommand('webizen-agent', args);

async function running(box: TestBox) {
  const child = box.spawn();
  for (;;) {
    const asked = agent('status', '--json', '--config', box.configFile);
    if (asked.status === 0) return { child };
    if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}`);
    await systemClock.sleep(50);
  }
}

t.test('the version is the one that package.json states', async (t) => {
  const { version: stated } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
  t.equal(version, stated);
  t.equal(agent('--version').stdout, `${stated}\n`);
});

t.test('a wrong command line or configuration ends with code 2, the faults and the remedy', async (t) => {
  const box = await testBox(t, nowhere);
  t.match(agent(), { status: 2, stderr: /arguments-invalid: .*--config FILE is missing/ });
  t.match(agent('dance', '--config', box.configFile), { status: 2, stderr: /there is no command dance/ });
  t.match(agent('--config', path.join(box.folder, 'absent')), { status: 2, stderr: /config-unreadable/ });
  await writeFile(box.configFile, JSON.stringify({ ...box.config, apps: [{ id: 'x' }], surplus: 1 }));
  const refused = agent('--config', box.configFile);
  t.equal(refused.status, 2);
  for (const fault of [
    '/surplus: is not a known field',
    '/apps/0/command: is missing',
    '/apps/0/quotaBytes: is missing',
  ])
    t.match(refused.stderr, fault);
  t.match(refused.stderr, /mend each field/);
});

t.test('it runs without a provider, tells its state, and stops when told to', async (t) => {
  const box = await testBox(t, nowhere);
  t.match(agent('status', '--config', box.configFile), { status: 1, stderr: /not-running/ });
  const { child } = await running(box);
  t.teardown(() => killed(child));
  /** It answers a moment before it begins to enrol. */
  let status: string;
  do status = agent('status', '--json', '--config', box.configFile).stdout;
  while (status.includes('"unclaimed"'));
  const parsed = check(AgentStatus, JSON.parse(status));
  t.ok(parsed.ok, 'the status has the shape of the contract');
  t.match(parsed.ok && parsed.value, { state: 'enrolling', box: null, link: { online: false } });
  t.equal((await stat(path.join(box.folder, 'run/admin.sock'))).mode & 0o777, 0o600);
  t.equal((await stat(box.dataDir)).mode & 0o777, 0o700);

  const second = agent('--config', box.configFile);
  t.match(second, { status: 1, stderr: /directory-in-use/ });
  t.equal(agent('status', '--config', box.configFile).status, 0, 'the second did not take the sockets of the first');

  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  t.same(await gone, [0, null]);
});

t.test('the built command serves the owner its pages, and checks what it is sent', async (t) => {
  const port = await freePortBase();
  const box = await testBox(t, { more: { owner: { host: '127.0.0.1', port, mdns: false } } });
  const { child } = await running(box);
  t.teardown(() => killed(child));
  const url = `http://127.0.0.1:${port}`;
  t.match(await (await fetch(url)).text(), /<script/);
  t.match(await (await fetch(`${url}/v1/state`)).json(), { owned: false });
  const wrong = { method: 'POST', headers: { 'content-type': 'application/json', origin: url }, body: '{"code":1}' };
  const refused = await fetch(`${url}/v1/setup/session`, wrong);
  t.match(await refused.json(), { code: 'body-invalid', detail: /code/ });
});

t.test('what happened is printed by a running agent and by a stopped box alike', async (t) => {
  const box = await testBox(t, nowhere);
  const out = () => agent('ledger', 'export', '--config', box.configFile);
  t.match(out(), { status: 1, stderr: /ledger-missing/ });
  t.match(agent('ledger', '--config', box.configFile), { status: 2, stderr: /ledger is followed by export/ });
  t.equal(agent('reset', '--yes', '--config', box.configFile).status, 0);
  const { child } = await running(box);
  t.teardown(() => killed(child));
  const printed = out();
  const file = path.join(box.folder, 'ledger.json');
  await writeFile(file, printed.stdout);
  t.match(runCommand('webizen', ['ledger', 'verify', file]), { status: 0, stdout: /OK: 1 entries, 0 signed/ });
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
  t.equal(out().stdout, printed.stdout);
});

t.test('a data directory that is open to others, or belongs to somebody else, is refused', async (t) => {
  const open = await testBox(t, nowhere);
  await mkdir(open.dataDir);
  await chmod(open.dataDir, 0o755);
  t.match(agent('--config', open.configFile), { status: 1, stderr: /directory-owner: .*mode 755/ });

  const foreign = await testBox(t, nowhere);
  const root = process.getuid?.() === 0;
  // Root owns /usr; whoever runs this as root gives a directory away instead.
  if (root) {
    await mkdir(foreign.dataDir, { mode: 0o700 });
    await chown(foreign.dataDir, 65_534, 65_534);
  } else await writeFile(foreign.configFile, JSON.stringify({ ...foreign.config, dataDir: '/usr' }));
  t.match(agent('--config', foreign.configFile), { status: 1, stderr: /directory-owner: .*belongs to user/ });
});
