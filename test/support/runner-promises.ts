/** What every runner promises, whatever it runs apps in. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Sandbox } from '#contract/installed.js';
import type { RunApp, Runner } from '../../agent/apps/runtime/runner.js';
import { createManualClock } from './manual-clock.js';
import { type AppWish, codeOf, listenAt, printed, type RunnerWish, type TestRunner } from './runtime.js';

/** One kind of runner on this machine. Each runner that it makes meets what the one before it left running. */
export interface Ground {
  sandbox: Sandbox;
  folder: string;
  runner(t: { teardown(work: () => unknown): void }, wish?: RunnerWish): Promise<TestRunner>;
  /** An app in a place that has a shell. */
  app(wish: Omit<AppWish, 'image'> & { image?: string }): RunApp;
  /** A program for Node, put where an app finds it. */
  node(runner: Runner, program: string): Promise<Pick<AppWish, 'image' | 'command'>>;
  /** As the kernel does it. */
  kill(id: string): void;
  /** A line of shell, where the app runs. */
  inside(id: string, script: string): void;
  /** The code where the engine keeps it. */
  look(id: string): { running: boolean; code?: number; startedAt: string };
  /** Files and volumes of an app that was removed. */
  left(id: string): string[];
}

const patience = () => AbortSignal.timeout(60_000);
export const forever = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

export function keepsPromises(t: Test, ground: Ground): void {
  t.test('an app runs, is stopped in good order, and leaves nothing when it is removed', async (t) => {
    const box = await ground.runner(t);
    const { runner } = box;
    const app = ground.app({
      script: `trap "echo bye; exit 0" TERM; echo here; while true; do sleep 0.1; done`,
      health: { kind: 'command', command: ['/bin/true'] },
    });
    await runner.start(app);
    await runner.settled(app.id, patience());
    t.match(runner.show(app.id), { state: 'running', restarts: 0, health: null, sandbox: ground.sandbox });
    await printed(box, app.id, 'here');
    t.same(await runner.leftovers(), [{ id: app.id, release: app.release }]);
    const early: string[] = [];
    const unlisten = runner.onChange((id) => {
      const state = runner.show(id)?.state ?? 'stopped';
      if (state === 'stopped' && ground.look(id).running) early.push(state);
    });
    await runner.stop(app.id);
    unlisten();
    t.same(early, [], 'it is told to be stopped once it is');
    t.equal(runner.show(app.id), undefined);
    t.equal(await runner.logs(app.id, { tailBytes: 1000 }), 'here\nbye\n');
    t.equal(await runner.logs(app.id, { tailBytes: 6 }), 'bye\n', 'from the beginning of a line');
    await runner.remove(app.id);
    t.same(await runner.leftovers(), []);
    t.same(ground.left(app.id), []);
    t.equal(await runner.logs(app.id, { tailBytes: 1000 }), '');
  });

  t.test('an app that does not listen to SIGTERM is killed after its grace', async (t) => {
    const box = await ground.runner(t, { graceSeconds: 1 });
    const { runner } = box;
    const app = ground.app({
      id: 'example.deaf',
      script: 'trap "" TERM; echo deaf; while true; do sleep 1; done',
    });
    await runner.start(app);
    runner.ready(app.id);
    await runner.settled(app.id, patience());
    await printed(box, app.id, 'deaf');
    await runner.stop(app.id);
    t.match(ground.look('example.deaf'), { running: false, code: ground.sandbox === 'podman' ? 137 : undefined });
    await runner.remove(app.id);
  });

  t.test('the next agent finds the app running, ready as it said, and restarts nothing', async (t) => {
    const app = ground.app({ id: 'example.kept', script: `echo started; ${forever}` });
    const first = await ground.runner(t);
    await first.runner.start(app);
    first.runner.ready(app.id);
    await first.runner.settled(app.id, patience());
    await printed(first, app.id, 'started');
    const { startedAt } = ground.look('example.kept');
    await first.runner.close();
    t.match(ground.look('example.kept'), { running: true });

    const second = await ground.runner(t);
    await second.runner.start(app);
    await second.runner.settled(app.id, patience());
    t.equal(ground.look('example.kept').startedAt, startedAt);
    t.equal(await second.runner.logs(app.id, { tailBytes: 1000 }), 'started\n');

    await second.runner.start(ground.app({ ...app, release: '2'.repeat(64), script: `echo newer; ${forever}` }));
    second.runner.ready(app.id);
    await second.runner.settled(app.id, patience());
    t.same(await second.runner.leftovers(), [{ id: app.id, release: '2'.repeat(64) }], 'a new release takes its place');
    await second.runner.close();

    const third = await ground.runner(t);
    t.same(await third.runner.leftovers(), [{ id: app.id, release: '2'.repeat(64) }], 'found without being told of it');
    await third.runner.remove(app.id);
    t.same(await third.runner.leftovers(), []);
  });

  t.test('a crash is told with its last line, and the pauses grow until the app has run well', async (t) => {
    const clock = createManualClock();
    const { runner, until } = await ground.runner(t, { clock });
    const app = ground.app({
      id: 'example.crash',
      script: 'echo "cannot find the teapot"; exit 3',
    });
    await runner.start(app);
    const refusal: unknown = await runner.settled(app.id, patience()).catch((error: unknown) => error);
    t.match(refusal, { code: 'app-crashed', detail: /ended with code 3; its last line was: cannot find the teapot/ });
    for (const pause of [1000, 2000, 4000]) {
      await until(app.id, (run) => run.state === 'backing-off');
      t.equal(await clock.sleeping(), pause);
      clock.advance(pause);
      await until(app.id, (run) => run.state !== 'backing-off');
    }
    t.equal(runner.show(app.id)?.restarts, 3);
    await runner.remove(app.id);

    await runner.start(ground.app({ ...app, script: forever }));
    runner.ready(app.id);
    await runner.settled(app.id, patience());
    ground.kill('example.crash');
    await until(app.id, (run) => run.state === 'backing-off');
    clock.advance(1000);
    await until(app.id, (run) => run.state === 'starting');
    runner.ready(app.id);
    await until(app.id, (run) => run.state === 'running');
    clock.advance(60_000);
    ground.kill('example.crash');
    await until(app.id, (run) => run.state === 'backing-off');
    t.equal(await clock.sleeping(), 1000, 'a minute well: the first pause again');
    await runner.remove(app.id);
  });

  t.test('an app that never says it is ready is ill when its grace is over', async (t) => {
    const clock = createManualClock();
    const { runner } = await ground.runner(t, { clock });
    const app = ground.app({
      id: 'example.mute',
      script: forever,
      health: { kind: 'ready', graceSeconds: 20 },
    });
    await runner.start(app);
    const settled = runner.settled(app.id, patience());
    t.equal(await clock.sleeping(), 20_000);
    clock.advance(20_000);
    await t.rejects(settled, { code: 'app-unhealthy', detail: 'it did not say within 20 s that it is ready' });
    t.equal(runner.show(app.id)?.state, 'backing-off');
    await runner.remove(app.id);
  });

  t.test('a health command is run inside: it may fail for its grace, later so many times in a row', async (t) => {
    const { runner, until } = await ground.runner(t);
    const health = { kind: 'command', command: ['/bin/sh', '-c', 'test -e $HOME/well'] } as const;
    const timing = { intervalSeconds: 1, timeoutSeconds: 60, graceSeconds: 60, failures: 2 };
    const app = ground.app({
      id: 'example.command',
      script: `echo 1 > $HOME/well; ${forever}`,
      health: { ...health, command: [...health.command], ...timing },
    });
    await runner.start(app);
    await runner.settled(app.id, patience());
    ground.inside('example.command', 'rm $HOME/well');
    const failing = await until(app.id, (run) => run.health !== null);
    t.match(failing.health, { code: 'app-unhealthy', detail: 'the health command ended with code 1' });
    await until(app.id, (run) => run.restarts === 1);
    await until(app.id, (run) => run.health === null);
    await runner.remove(app.id);

    const never = { ...health, command: ['/bin/false'], intervalSeconds: 1, timeoutSeconds: 60, graceSeconds: 1 };
    await runner.start(ground.app({ ...app, script: forever, health: never }));
    t.equal(await codeOf(runner.settled(app.id, patience())), 'app-unhealthy');
    await runner.remove(app.id);

    const hangs = { ...never, command: ['/bin/sleep', '1000'], timeoutSeconds: 1 };
    await runner.start(ground.app({ ...app, script: forever, health: hangs }));
    const late: unknown = await runner.settled(app.id, patience()).catch((error: unknown) => error);
    t.match(late, { code: 'app-unhealthy', detail: 'the health command did not end in time' });
    await runner.remove(app.id);
  });

  t.test('a Node program answers its health check over the socket in its run directory', async (t) => {
    const { runner, until } = await ground.runner(t);
    const program = `
      const { createServer } = require('node:http');
      const { existsSync } = require('node:fs');
      createServer((request, reply) => {
        reply.statusCode = request.url === '/well' && !existsSync(process.env.HOME + '/ill') ? 200 : 500;
        reply.write('no end');
      }).listen(process.env.WEBIZEN_RUN + '/health.sock');`;
    const node = await ground.node(runner, program);
    const app = ground.app({
      id: 'example.node',
      ...node,
      resources: { memoryMiB: 256, cpus: 1, pids: 40, storageMiB: 1 },
      health: { kind: 'http', path: '/well', intervalSeconds: 1, timeoutSeconds: 60, failures: 1 },
    });
    await runner.start(app);
    await runner.settled(app.id, patience());
    ground.inside('example.node', 'touch $HOME/ill');
    t.match((await until(app.id, (run) => run.health !== null)).health, { detail: 'GET /well answers 500' });
    await runner.remove(app.id);
  });

  t.test('a health socket that is a link to somebody else’s socket is not asked', async (t) => {
    const clock = createManualClock();
    const box = await ground.runner(t, { clock });
    const secret = path.join(ground.folder, 'admin.sock');
    const asked = await listenAt(t, secret);
    const app = ground.app({
      id: 'example.link',
      script: `ln -s ${secret} $WEBIZEN_RUN/health.sock; echo linked; ${forever}`,
      health: { kind: 'http', path: '/', timeoutSeconds: 60, graceSeconds: 2 },
    });
    await box.runner.start(app);
    let refusal: unknown;
    const settled = box.runner.settled(app.id, patience()).catch((error: unknown) => {
      refusal = error;
    });
    await printed(box, app.id, 'linked');
    while (refusal === undefined) {
      clock.advance(3000);
      await delay(250); // the clock stands still: no event tells that a look is over
    }
    await settled;
    t.match(refusal, { code: 'app-unhealthy', detail: 'health.sock is not a socket' });
    t.equal(asked(), 0);
    await box.runner.remove(app.id);
  });

  t.test('whoever waits for an app can stop waiting', async (t) => {
    const { runner } = await ground.runner(t);
    const app = ground.app({ id: 'example.waited', script: forever });
    await runner.start(app);
    await t.rejects(runner.settled(app.id, AbortSignal.abort(new Error('enough'))), { message: 'enough' });
    const settled = codeOf(runner.settled(app.id, patience()));
    await runner.remove(app.id);
    t.equal(await settled, 'app-start-failed', 'stopped before it was well');
  });

  t.test('a program that is not there is told', async (t) => {
    const { runner } = await ground.runner(t);
    const app = ground.app({ id: 'example.nothing', command: ['/bin/no-such-program'] });
    await runner.start(app);
    t.match(await codeOf(runner.settled(app.id, patience())), /^app-(crashed|start-failed)$/);
    await runner.remove(app.id);
  });
}
