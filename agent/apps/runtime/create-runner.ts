/** The runner over any engine: which apps are supervised, and who is told of them. */
import type { Clock } from '#common/clock.js';
import { ownDirectory } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { Engine } from './engine.js';
import { createReadyFiles } from './ready-files.js';
import type { Runner } from './runner.js';
import { createSupervised, type Supervised } from './supervisor.js';

export function createRunner({
  engine,
  stateDirectory,
  clock,
}: {
  engine: Engine;
  /** The runtime's own, 0700, gone with a reboot: /run/webizen/runtime. */
  stateDirectory: string;
  clock: Clock;
}): Runner {
  const ready = createReadyFiles({ directory: stateDirectory });
  const apps = new Map<string, Supervised>();
  /** Nobody watches them any more, and the engine has not ended them yet: they are shown as they were. */
  const ending = new Map<string, Supervised>();
  const listeners = new Set<(id: string) => void>();

  async function leave(id: string): Promise<void> {
    const supervised = apps.get(id);
    await supervised?.leave();
    if (apps.get(id) === supervised) apps.delete(id);
  }

  function told(id: string): void {
    for (const listener of listeners) listener(id);
  }

  async function end(id: string): Promise<void> {
    const supervised = apps.get(id);
    if (supervised) ending.set(id, supervised);
    try {
      await leave(id);
      await engine.stop(id);
    } finally {
      if (ending.get(id) === supervised) ending.delete(id);
    }
  }

  const stop = async (id: string): Promise<void> => {
    await end(id);
    told(id);
  };

  return {
    sandbox: engine.sandbox,
    async open() {
      await ownDirectory(stateDirectory);
      await engine.open();
    },
    async close() {
      await Promise.all([...apps.keys()].map(leave));
      engine.close();
    },
    load: engine.load,
    images: engine.images,
    unload: engine.unload,
    async start(app) {
      const before = apps.get(app.id);
      if (before?.release === app.release) return;
      if (before) await stop(app.id);
      const supervised = createSupervised({
        app,
        engine,
        ready: { has: (run) => ready.has(app.id, run), add: (run) => ready.add(app.id, run) },
        clock,
        onChange: () => told(app.id),
      });
      apps.set(app.id, supervised);
      supervised.start();
    },
    async settled(id, signal) {
      const supervised = apps.get(id);
      if (!supervised) throw new Refusal('app-start-failed', 'it was stopped before its first health check');
      await supervised.settled(signal);
    },
    ready: (id) => apps.get(id)?.ready(),
    stop,
    async remove(id) {
      await end(id);
      await engine.remove(id);
      ready.forget(id);
      told(id);
    },
    show(id) {
      const app = apps.get(id) ?? ending.get(id);
      if (!app) return undefined;
      const { sandbox } = engine;
      return { state: app.state(), restarts: app.restarts(), health: app.health(), sandbox, pid: app.pid() };
    },
    leftovers: engine.leftovers,
    logs: engine.logs,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
