/**
 * An engine that runs nothing: what it would run stands in a file, and outlives its agent as containers do. An app whose
 * command is `/app/ill` never passes its health check, one whose command is `/app/slow` waits until it is let.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';
import type { AppRun, RunApp } from '../../agent/apps/runtime/runner.js';
import type { Runner } from '../../agent/apps/uses.js';

interface Engine {
  images: string[];
  /** App to release, and whether it runs. */
  containers: Record<string, { release: string; runs: boolean }>;
}

export interface FileRunner extends Runner {
  engine(): Engine;
  /** All that was started, in order: `{app} {version}`. */
  started: string[];
  /** Lets slow apps pass. */
  let(): void;
}

/** @param at called before each effect, with its name */
export function fileRunner(folder: string, at: (name: string) => void = () => {}): FileRunner {
  const file = path.join(folder, 'engine.json');
  const supervised = new Map<string, RunApp>();
  const listeners = new Set<(id: string) => void>();
  const started: string[] = [];
  let pass = (): void => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });

  function engine(): Engine {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Engine;
    } catch {
      return { images: [], containers: {} };
    }
  }

  function effect(name: string, change: (engine: Engine) => void): void {
    at(`before ${name}`);
    const now = engine();
    change(now);
    writeFileSync(file, JSON.stringify(now));
  }

  const tell = (id: string): void => {
    for (const listener of listeners) listener(id);
  };

  return {
    sandbox: 'podman',
    engine,
    started,
    let: () => pass(),
    async load({ digest }, tar) {
      for await (const _ of tar()); // all of it can be read
      effect('load', (now) => {
        now.images = [...new Set([...now.images, digest])];
      });
    },
    images: async () => engine().images,
    async unload(image) {
      effect('unload', (now) => {
        now.images = now.images.filter((one) => one !== image);
      });
    },
    async start(app) {
      const { id, release, image, manifest } = app;
      const before = engine().containers[id];
      supervised.set(id, app);
      if (before?.release !== release || !before.runs) {
        if (!engine().images.includes(image)) throw new Refusal('image-missing', image);
        started.push(`${id} ${manifest.version}`);
        effect('start', (now) => {
          now.containers[id] = { release, runs: true };
        });
      }
      tell(id);
    },
    async settled(id, signal) {
      const app = supervised.get(id);
      const [command] = app?.manifest.run.command ?? [];
      if (!app || command === '/app/ill') throw new Refusal('app-unhealthy', 'it answers 500');
      signal.throwIfAborted();
      if (command !== '/app/slow') return;
      await Promise.race([
        passed,
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
      ]);
    },
    async stop(id) {
      supervised.delete(id);
      effect('stop', (now) => {
        const container = now.containers[id];
        if (container) container.runs = false;
      });
      tell(id);
    },
    async remove(id) {
      supervised.delete(id);
      effect('remove', (now) => {
        delete now.containers[id];
      });
      tell(id);
    },
    show(id): AppRun | undefined {
      const app = supervised.get(id);
      return app && { state: 'running', restarts: 0, health: null, sandbox: 'podman', pid: null };
    },
    leftovers: async () => Object.entries(engine().containers).map(([id, { release }]) => ({ id, release })),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
