import { fork, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Apps, createApps } from '../../agent/apps/apps.js';
import { signalGroup, startTicksOf } from '../../agent/apps/leftovers.js';
import { createManualClock, type ManualClock } from '../support/manual-clock.js';

const here = path.dirname(fileURLToPath(import.meta.url));
const script = (text: string): string[] => [process.execPath, '-e', text];
const forever = 'setInterval(() => {}, 1e6);';

interface Started {
  apps: Apps;
  clock: ManualClock;
  directory: string;
  /** Resolves when the app is in the state, at once if it is. */
  until(state: string): Promise<void>;
  log(): Promise<string>;
  /** Resolves when the app has printed the text; there is no event for a file that grows. */
  printed(text: string): Promise<void>;
}

type Tap = Pick<typeof t, 'teardown'>;

async function temporary(t: Tap): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function start(t: Tap, command: string[], directory?: string): Promise<Started> {
  const place = directory ?? (await temporary(t));
  const clock = createManualClock();
  const changes = new EventEmitter();
  const apps = createApps({
    apps: [{ id: 'app', command, grants: ['storage'], quotaBytes: 1000 }],
    dataDir: path.join(place, 'data'),
    runtimeDir: path.join(place, 'run'),
    socketOf: (id) => `/the/socket/of/${id}`,
    clock,
    log: { info: () => {}, warn: () => {} },
    onChange: () => changes.emit('change'),
  });
  await apps.start();
  t.teardown(async () => {
    const stopped = apps.stop();
    const pid = apps.show('app')?.pid;
    if (pid) signalGroup(pid, 'SIGKILL');
    await stopped;
  });
  const log = () => readFile(path.join(place, 'data/logs/app.log'), 'utf8').catch(() => '');
  return {
    apps,
    clock,
    directory: place,
    async until(state) {
      while (apps.show('app')?.state !== state) await once(changes, 'change');
    },
    log,
    async printed(text) {
      while (!(await log()).includes(text)) await delay(5);
    },
  };
}

async function gone(pid: number): Promise<void> {
  while (startTicksOf(pid) !== undefined) await delay(5);
}

t.test('an app runs in its own directory with four variables and nothing of the agent', async (t) => {
  const app = await start(t, script('console.log(JSON.stringify([process.env, process.cwd()]))'));
  await app.until('backing-off');
  const home = path.join(app.directory, 'data/apps/app');
  const [environment, cwd] = JSON.parse((await app.log()).split('\n')[0] ?? '') as [Record<string, string>, string];
  // The test runner adds its own to every child process.
  const names = Object.keys(environment).filter((name) => !/^_TAPJS_|^NODE_OPTIONS$/.test(name));
  t.same(names.sort(), ['HOME', 'LANG', 'PATH', 'WEBIZEN_SOCKET']);
  t.match(environment, { WEBIZEN_SOCKET: '/the/socket/of/app', HOME: home, LANG: 'C.UTF-8' });
  t.equal(cwd, home);
  t.equal((await stat(home)).mode & 0o777, 0o700);
  t.match(await app.log(), /ended with code 0/);
  t.match(app.apps.list(), [{ id: 'app', sandbox: 'none', pid: null, restarts: 0, grants: ['storage'] }]);
  t.equal(app.apps.show('other'), undefined);
});

t.test(
  'an app that ends is started again after pauses that grow, and begin anew once it ran for a minute',
  async (t) => {
    // It runs until its input file says otherwise, so that the test decides how long it runs.
    const app = await start(
      t,
      script(`require('fs').existsSync('stay') ? ${forever.replace(';', '')} : process.exit(3)`),
    );
    for (const pause of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await app.until('backing-off');
      t.equal(await app.clock.sleeping(), pause * 1000);
      app.clock.advance(pause * 1000);
      await app.until('running');
    }
    await app.until('backing-off');
    t.equal(app.apps.show('app')?.restarts, 8);
    await writeFile(path.join(app.directory, 'data/apps/app/stay'), '');
    app.clock.advance(60_000);
    await app.until('running');
    app.clock.advance(60_000);
    const pid = app.apps.show('app')?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await app.until('backing-off');
    t.equal(await app.clock.sleeping(), 1000);
    t.match(await app.log(), /ended by SIGKILL/);
  },
);

t.test('a program that cannot be started is told in its log, and tried again', async (t) => {
  const app = await start(t, ['/nonexistent/program']);
  await app.until('backing-off');
  t.match(await app.log(), /cannot start: .*ENOENT/);
  app.clock.advance(1000);
  await app.until('starting');
  await app.until('backing-off');
  t.equal(app.apps.show('app')?.restarts, 1);
});

t.test('an app is asked to end first, and its last words are kept', async (t) => {
  const app = await start(
    t,
    script(`process.on('SIGTERM', () => { console.log('bye'); process.exit(0) }); console.log('up'); ${forever}`),
  );
  await app.printed('up');
  await app.apps.stop();
  t.equal(app.apps.show('app')?.state, 'stopped');
  t.match(await app.log(), /up\nbye\n.*code 0/);
  await app.apps.stop();
});

t.test('an app that will not end is killed after ten seconds, with all its children', async (t) => {
  const app = await start(
    t,
    script(
      `process.on('SIGTERM', () => console.log('no'));
       const child = require('child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); console.log('child ' + process.pid); ${forever}"], { stdio: 'inherit' });
       ${forever}`,
    ),
  );
  await app.printed('child ');
  const child = Number(/child (\d+)/.exec(await app.log())?.[1]);
  const stopped = app.apps.stop();
  await app.printed('no');
  app.clock.advance(9999);
  t.ok(startTicksOf(child));
  app.clock.advance(1);
  await stopped;
  await gone(child);
  t.match(await app.log(), /ended by SIGKILL/);
});

t.test('a child that left the app behind does not keep it from starting again', async (t) => {
  const app = await start(
    t,
    script(
      `const child = require('child_process').spawn(process.execPath, ['-e', "${forever}"], { detached: true, stdio: 'inherit' });
       console.log('child ' + child.pid); child.unref(); process.exit(0)`,
    ),
  );
  await app.printed('child ');
  const child = Number(/child (\d+)/.exec(await app.log())?.[1]);
  t.teardown(() => process.kill(child, 'SIGKILL'));
  t.equal(await app.clock.sleeping(), 1000); // for output, which the child holds open
  app.clock.advance(1000);
  await app.until('backing-off');
});

t.test('what an app prints cannot fill the disk', async (t) => {
  const app = await start(t, script("const line = 'x'.repeat(1023) + '\\n'; process.stdout.write(line.repeat(3500))"));
  await app.until('backing-off');
  const file = path.join(app.directory, 'data/logs/app.log');
  for (const one of [file, `${file}.1`]) {
    t.ok((await stat(one)).size <= 1024 * 1024, `${one} is small`);
    t.equal((await stat(one)).mode & 0o777, 0o600);
  }
  t.match((await app.log()).slice(-100), /x\nwebizen: ended with code 0\n$/);
});

t.test('an app that outlived a killed agent is ended before it is started again', async (t) => {
  const directory = await temporary(t);
  const agent = fork(path.join(here, '../support/apps-child.js'), [directory]);
  const [pid] = (await once(agent, 'message')) as [number];
  agent.kill('SIGKILL');
  await once(agent, 'exit');
  t.ok(startTicksOf(pid), 'the app runs on without the agent');
  const app = await start(t, script(forever), directory);
  await gone(pid);
  await app.until('running');
  t.not(app.apps.show('app')?.pid, pid);
});

t.test('a process that only has the number of an earlier app is left alone', async (t) => {
  const directory = await temporary(t);
  const first = await start(t, script(forever), directory);
  await first.until('running');
  const file = path.join(directory, 'run/pids/app.json');
  const record = JSON.parse(await readFile(file, 'utf8')) as { boot: string; startTicks: string };
  await first.apps.stop();

  const stranger = spawn(process.execPath, ['-e', forever], { detached: true, stdio: 'ignore' });
  t.teardown(() => stranger.kill('SIGKILL'));
  for (const wrong of [
    JSON.stringify({ ...record, pid: stranger.pid }),
    JSON.stringify({ pid: stranger.pid, startTicks: startTicksOf(stranger.pid ?? 0), boot: 'another' }),
    JSON.stringify({ pid: 1, startTicks: '0', boot: record.boot }),
    '{"pid":',
  ]) {
    await writeFile(file, wrong);
    const next = await start(t, script(forever), directory);
    await next.until('running');
    await next.apps.stop();
  }
  t.ok(startTicksOf(stranger.pid ?? 0));
});
