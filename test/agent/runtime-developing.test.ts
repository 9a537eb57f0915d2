/** Runners of a developer's machine: in bubblewrap, and with nothing around an app. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { createRunner } from '../../agent/apps/runtime/create-runner.js';
import { createProcessEngine } from '../../agent/apps/runtime/process-engine.js';
import type { RunApp } from '../../agent/apps/runtime/runner.js';
import { bubblewrap, plain } from '../../agent/apps/runtime/surroundings.js';
import { ownFolder } from '../support/folder.js';
import { forever, type Ground, keepsPromises } from '../support/runner-promises.js';
import { appOf, codeOf, listenAt, printedBy, watched } from '../support/runtime.js';

/** Of the process that leads the app: all below it is the app's. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => familyOf(Number(child)))];
}

async function groundOf(t: { teardown(work: () => unknown): void }, sandbox: 'bubblewrap' | 'none') {
  const folder = await ownFolder(t);
  const stateDirectory = path.join(folder, 'state');
  mkdirSync(path.join(folder, 'app'));
  const folders = { folder, node: process.execPath };
  const surroundings = sandbox === 'none' ? plain(folders) : bubblewrap(folders);
  const engineWith = (graceSeconds: number) =>
    createProcessEngine({ surroundings, stateDirectory, clock: systemClock, graceSeconds });
  const engine = engineWith(1);
  const pidOf = (id: string): number =>
    JSON.parse(readFileSync(path.join(stateDirectory, 'pids', `${id}.json`), 'utf8')).pid;
  const ground: Ground = {
    sandbox,
    folder,
    async runner(t, { clock = systemClock } = {}) {
      const runner = createRunner({ engine, stateDirectory, clock });
      await runner.open();
      t.teardown(() => runner.close());
      return watched(runner);
    },
    app: (wish) => appOf({ folder }, { image: 'none', ...wish }),
    async node(_runner, program) {
      writeFileSync(path.join(folder, 'app/app.cjs'), program);
      return { image: 'none', command: ['/usr/bin/node', '/app/app.cjs'] };
    },
    kill: (id) => engine.kill(id),
    inside(id, script) {
      const pid = String(familyOf(pidOf(id))[sandbox === 'none' ? 0 : 2]); // below bubblewrap and its init
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const home = environment.find((one) => one.startsWith('HOME=')) ?? '';
      const join = ['--target', pid, '--user', '--preserve-credentials', '--mount'];
      const shell = ['/usr/bin/env', home, '/bin/sh', '-c', script];
      execFileSync('nsenter', sandbox === 'none' ? ['--target', pid, '--mount', ...shell] : [...join, ...shell]);
    },
    look(id) {
      const file = path.join(stateDirectory, 'pids', `${id}.json`);
      return { running: existsSync(file), startedAt: existsSync(file) ? readFileSync(file, 'utf8') : '' };
    },
    left: () => readdirSync(stateDirectory).filter((name) => !['pids', 'logs'].includes(name)),
  };
  return { ground, engine, stateDirectory, engineWith, pidOf };
}

for (const sandbox of ['bubblewrap', 'none'] as const)
  t.test(`${sandbox}: as on a box`, async (t) => {
    const { ground, engine, engineWith, pidOf } = await groundOf(t, sandbox);
    keepsPromises(t, ground);

    t.test('an app that another agent left behind does not run twice', async (t) => {
      const app = ground.app({ id: 'example.twice', script: forever });
      const run = await engine.obtain(app);
      const first = pidOf(app.id);
      const other = engineWith(1);
      await other.obtain(app);
      t.not(pidOf(app.id), first);
      await engine.ended(run, new AbortController().signal); // else it would run on for ever
      t.notOk(existsSync(`/proc/${first}`) && familyOf(first).length > 1);
      await other.stop(app.id);
      await other.remove(app.id);
      await engine.remove(app.id);
    });

    t.test('no image is taken', async (t) => {
      const { runner } = await ground.runner(t);
      async function* none() {}
      t.equal(await codeOf(runner.load({ digest: 'x', config: 'y' }, none)), 'developing-only');
      t.same(await runner.images(), []);
      await runner.unload('x');
    });
  });

t.test('in bubblewrap an app has its socket and its files, read-only, and nothing else of the machine', async (t) => {
  const { ground } = await groundOf(t, 'bubblewrap');
  const box = await ground.runner(t);
  const secret = path.join(ground.folder, 'secret');
  writeFileSync(secret, 'mine');
  writeFileSync(path.join(ground.folder, 'app/data'), 'of the app');
  const app: RunApp = ground.app({
    id: 'example.shut',
    environment: { GREETING: 'hello', WEBIZEN_SOCKET: '/tmp/mine', PATH: '/usr/bin:/bin' },
    script: `
      cat /app/data; echo
      for place in /app/x /run/webizen/x /x /usr/x /dev/x; do touch $place 2>/dev/null && echo "wrote $place"; done
      touch /tmp/x /run/app/x /dev/shm/x && echo three
      test -e ${secret} && echo leaked
      env | cut -d= -f1 | sort | tr '\\n' ' '; echo
      echo $WEBIZEN_SOCKET $GREETING; id -u; pwd
      ls /proc | grep -c '^[0-9]'
      tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\\n' ' '; echo
      curl -s --unix-socket $WEBIZEN_SOCKET http://box/; echo
      head -c 9000000 /dev/zero 2>/dev/null > /run/app/big || echo full`,
  });
  await listenAt(t, path.join(app.socketDirectory, 'api.sock'));
  const [data, three, names, values, user, folder, processes, network, said, full] = (await printedBy(box, app)).split(
    '\n',
  );
  t.equal(data, 'of the app');
  t.equal(three, 'three', 'and none of the others could be written');
  t.equal(names?.trim(), 'GREETING HOME LANG PATH PWD WEBIZEN_RUN WEBIZEN_SOCKET');
  t.equal(values, '/run/webizen/api.sock hello');
  t.equal(user, '1000');
  t.equal(folder, '/');
  t.ok(Number(processes) < 8, 'its own processes alone');
  t.equal(network?.trim(), 'lo');
  t.equal(said, 'here');
  t.equal(full, 'full');
});

t.test('with nothing around it an app has the same variables, each with a place of its own', async (t) => {
  const { ground, stateDirectory } = await groundOf(t, 'none');
  const box = await ground.runner(t);
  const app = ground.app({
    id: 'example.open',
    command: ['/bin/sh', '/app/main.sh', '/app/data', '/application'],
    environment: { GREETING: 'hello' },
  });
  writeFileSync(
    path.join(ground.folder, 'app/main.sh'),
    `env | sed -n 's/^\\([A-Z_]*\\)=.*/\\1/p' | sort | tr '\\n' ' '; echo; echo $1; echo $2; echo $WEBIZEN_SOCKET; echo $WEBIZEN_RUN; echo $HOME`,
  );
  const [names, data, other, socket, run, home] = (await printedBy(box, app)).split('\n');
  // The test runner adds its own to every child process.
  const own = names?.split(' ').filter((name) => name && !/^_TAPJS_|^NODE_OPTIONS$/.test(name));
  t.equal(own?.join(' '), 'GREETING HOME LANG PATH PWD TMPDIR WEBIZEN_RUN WEBIZEN_SOCKET');
  t.equal(data, path.join(ground.folder, 'app/data'), 'a word that names a file of the image names it here');
  t.equal(other, '/application');
  t.equal(socket, path.join(app.socketDirectory, 'api.sock'));
  for (const place of [run, home]) t.ok(place?.startsWith(`${stateDirectory}/`));
});

t.test('what an app prints is kept up to its budget, and shown as it comes', async (t) => {
  const folder = await ownFolder(t);
  mkdirSync(path.join(folder, 'app'));
  let shown = 0;
  const engine = createProcessEngine({
    surroundings: plain({ folder, node: process.execPath }),
    stateDirectory: path.join(folder, 'state'),
    clock: systemClock,
    onOutput: (_id, chunk) => {
      shown += chunk.length;
    },
  });
  const app = appOf({ folder }, { image: 'none', script: 'head -c 3000000 /dev/zero | tr "\\0" x; echo; echo last' });
  const run = await engine.obtain(app);
  await engine.ended(run, AbortSignal.timeout(60_000));
  t.equal(shown, 3_000_006);
  t.equal((await engine.logs(app.id, { tailBytes: 7 })).trim(), 'last');
  const kept = readdirSync(path.join(folder, 'state/logs')).map(
    (name) => readFileSync(path.join(folder, 'state/logs', name)).length,
  );
  t.ok(Math.max(...kept) <= 1024 ** 2);
  await engine.remove(app.id);
});
