/** What the app under development runs in, and how what it prints and its end come about there. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { systemClock } from '#common/clock.js';
import type { DevOptions } from '#contract/developing.js';
import type { Engine } from '../apps/runtime/engine.js';
import { createPodmanEngine } from '../apps/runtime/podman-runner.js';
import { createProcessEngine } from '../apps/runtime/process-engine.js';
import { bubblewrap, plain } from '../apps/runtime/surroundings.js';
import { realHost } from '../host/host.js';

export interface DevEngine {
  /** For one agent's time. */
  engine(): Engine;
  /** As the kernel does it. */
  kill(id: string): Promise<void>;
  /** What the app prints is printed from now on, until it is stopped. */
  follow(id: string): void;
  stop(): Promise<void>;
}

interface Wish {
  options: DevOptions;
  stateDirectory: string;
  log: Logger;
  print(chunk: Uint8Array): void;
}

function processes({ options, stateDirectory, log, print }: Wish): DevEngine {
  const around = { folder: options.folder, node: process.execPath };
  const engine = createProcessEngine({
    surroundings: options.sandbox === 'none' ? plain(around) : bubblewrap(around),
    stateDirectory,
    clock: systemClock,
    onOutput: (_id, chunk) => print(chunk),
    onError: (error) => log.warn({ err: error }, "cannot keep the app's output"),
  });
  return {
    engine: () => engine,
    kill: async (id) => engine.kill(id),
    follow: () => {},
    stop: async () => {},
  };
}

/** The engine keeps what an app prints, and tells nobody that there is more. */
const lookMilliseconds = 500;
const mostBytes = 256 * 1024;

function podman({ stateDirectory, log, print }: Wish, socketPath: string): DevEngine {
  const { files } = realHost;
  const make = (graceSeconds: number) => createPodmanEngine({ socketPath, stateDirectory, files, log, graceSeconds });
  const own = make(0);
  const stopping = new AbortController();
  const following = new Map<string, Promise<void>>();

  async function follow(id: string): Promise<void> {
    let seen = '';
    while (!stopping.signal.aborted) {
      const now = await own.logs(id, { tailBytes: mostBytes }).catch(() => seen);
      print(Buffer.from(now.startsWith(seen) ? now.slice(seen.length) : now));
      seen = now;
      await delay(lookMilliseconds, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  return {
    engine: () => make(10),
    kill: (id) => own.stop(id),
    follow(id) {
      if (!following.has(id)) following.set(id, follow(id));
    },
    async stop() {
      stopping.abort();
      await Promise.all(following.values());
      own.close();
    },
  };
}

export const createDevEngine = (wish: Wish): DevEngine =>
  wish.options.podman === undefined ? processes(wish) : podman(wish, wish.options.podman);
