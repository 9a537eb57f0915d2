/** A runner before real podman, and apps that are a shell script each. */
import { EventEmitter } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import type { Manifest } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import { createPodmanRunner } from '../../agent/apps/runtime/podman-runner.js';
import type { AppRun, RunApp, Runner } from '../../agent/apps/runtime/runner.js';
import type { TestPodman } from './podman.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface TestRunner {
  runner: Runner;
  /** Resolves when the app is seen so, at once if it is. */
  until(id: string, holds: (run: AppRun) => boolean): Promise<AppRun>;
}

export interface RunnerWish {
  clock?: Clock;
  graceSeconds?: number;
  flush?: () => Promise<void>;
}

export async function testRunner(t: Teardown, podman: TestPodman, wish: RunnerWish = {}): Promise<TestRunner> {
  const runner = createPodmanRunner({
    socketPath: podman.socketPath,
    stateDirectory: path.join(podman.folder, 'state'),
    files,
    clock: wish.clock ?? systemClock,
    flush: wish.flush,
    log: { info: () => {}, warn: () => {} },
    graceSeconds: wish.graceSeconds ?? 1,
  });
  await runner.open();
  t.teardown(() => runner.close());
  return watched(runner);
}

export function watched(runner: Runner): TestRunner {
  const changes = new EventEmitter().setMaxListeners(100);
  runner.onChange((id) => changes.emit(id));
  return {
    runner,
    until: (id, holds) =>
      new Promise((resolve) => {
        const look = () => {
          const run = runner.show(id);
          if (!run || !holds(run)) return;
          changes.off(id, look);
          resolve(run);
        };
        changes.on(id, look);
        look();
      }),
  };
}

/** Megabytes and processes enough for a shell. */
export const small = { memoryMiB: 64, cpus: 1, pids: 40, storageMiB: 1 };

export interface AppWish extends Partial<Pick<Manifest, 'health' | 'resources'>> {
  id?: string;
  release?: string;
  image: string;
  /** For a shell. */
  script?: string;
  command?: string[];
  environment?: Record<string, string>;
}

/** With a directory for its socket, in which nothing listens. */
export function appOf({ folder }: { folder: string }, wish: AppWish): RunApp {
  const id = wish.id ?? 'example.app';
  const socketDirectory = path.join(folder, 'sockets', id);
  mkdirSync(socketDirectory, { recursive: true });
  const { environment } = wish;
  return {
    id,
    release: wish.release ?? '1'.repeat(64),
    image: wish.image,
    socketDirectory,
    manifest: {
      id,
      version: '1.0.0',
      name: { en: 'Example' },
      summary: { en: 'An example' },
      api: '1.0',
      capabilities: [],
      resources: wish.resources ?? small,
      run: {
        command: wish.command ?? ['/bin/sh', '-c', wish.script ?? ''],
        ...(environment ? { environment } : {}),
      },
      health: wish.health ?? { kind: 'ready', graceSeconds: 600 },
      terms: { en: 'None' },
    },
  };
}

/** Stands in for the standard API at an app's socket; answers how often it was asked. */
export async function listenAt(t: Teardown, socket: string): Promise<() => number> {
  let asked = 0;
  const server = createServer((_request, reply) => {
    asked += 1;
    reply.end('here');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  chmodSync(socket, 0o666);
  t.teardown(() => server.close());
  return () => asked;
}

/** Resolves when the app has printed the text; there is no event for a file that grows. */
export async function printed({ runner }: TestRunner, id: string, text: string): Promise<void> {
  while (!(await runner.logs(id, { tailBytes: 100_000 })).includes(text)) await delay(25);
}

/** What a script that ends by itself printed. */
export async function printedBy({ runner }: TestRunner, app: RunApp): Promise<string> {
  await runner.start(app);
  const error: unknown = await runner.settled(app.id, AbortSignal.timeout(60_000)).catch((refusal: unknown) => refusal);
  const printed = await runner.logs(app.id, { tailBytes: 100_000 });
  await runner.remove(app.id);
  if (error instanceof Refusal && error.code === 'app-crashed') return printed;
  throw new Error(`the script did not end: ${error}; it printed: ${printed}`);
}

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
