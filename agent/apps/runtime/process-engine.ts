/**
 * Apps as processes of a developer's machine, from a folder instead of an image: in bubblewrap's namespaces, or with
 * nothing around them at all. What a box promises about memory, processor and system calls is not kept here, so an agent
 * that serves an owner never runs apps so (agent/simulated.ts).
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { isErrno } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { createLeftovers, type Leftovers } from '../leftovers.js';
import { createOutputLog, type OutputLog } from '../output-log.js';
import { type Begun, begin, type End, type Launch } from '../process.js';
import { causeOf } from './causes.js';
import type { Engine, Inside, Run } from './engine.js';
import { tailOf } from './output.js';
import type { RunApp } from './runner.js';
import { limits } from './spec.js';

/** How an app is started, in one kind of surroundings. */
export interface Surroundings {
  readonly sandbox: 'bubblewrap' | 'none';
  launch(app: RunApp, places: Places): Launch;
  /** Which process is looked after as the app's first, where it is not the one that was started. */
  firstOf?: (told: AsyncIterable<Uint8Array>) => Promise<number>;
  /** Asks the app itself to end, as a box's init does. */
  ask(first: number): void;
  /** How a command is run beside the app, and where the app's run directory is. */
  beside(app: RunApp, places: Places, first: number): { launch(command: readonly string[]): Launch; run: string };
}

/** Of one app on this machine; run and tmp are empty at each start. */
export interface Places {
  run: string;
  tmp: string;
}

export interface ProcessEngine extends Engine {
  /** As if the kernel had: the supervisor sees it end. */
  kill(id: string): void;
}

interface Live {
  app: RunApp;
  run: Run;
  begun: Begun;
  first: Promise<number>;
  output: OutputLog;
  end: End | undefined;
}

/** As shells count an end by a signal. */
const signals: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};
const codeOf = ({ code, signal }: End): number => code ?? 128 + (signals[signal ?? 'SIGKILL'] ?? 0);

const noImages = (): never => {
  throw new Refusal('developing-only', 'it runs what lies in a folder, and no images');
};

export function createProcessEngine({
  surroundings,
  stateDirectory,
  clock,
  graceSeconds = 10,
  onOutput = () => {},
  onError = () => {},
}: {
  surroundings: Surroundings;
  stateDirectory: string;
  clock: Clock;
  graceSeconds?: number;
  /** What an app prints, as it comes. */
  onOutput?: (id: string, chunk: Buffer) => void;
  /** What it prints cannot be kept. */
  onError?: (error: unknown) => void;
}): ProcessEngine {
  const apps = new Map<string, Live>();
  let kept: Leftovers | undefined;
  const leftovers = (): Leftovers => {
    kept ??= createLeftovers({ directory: path.join(stateDirectory, 'pids') });
    return kept;
  };

  const logFile = (id: string): string => path.join(stateDirectory, 'logs', `${id}.log`);
  /** A socket's path is short; an id need not be. */
  function placesOf(id: string): Places & { own: string } {
    const own = path.join(stateDirectory, createHash('sha256').update(id).digest('hex').slice(0, 8));
    return { own, run: path.join(own, 'run'), tmp: path.join(own, 'tmp') };
  }

  async function prepare(id: string): Promise<Places> {
    const places = placesOf(id);
    await rm(places.own, { recursive: true, force: true });
    for (const folder of [places.run, places.tmp, path.dirname(logFile(id))])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    return places;
  }

  async function halt({ begun, first, output, end }: Live): Promise<void> {
    if (!end) {
      const asked = await first.catch(() => undefined); // it ends before it was there
      await begun.end(graceSeconds * 1000, () => (asked === undefined ? begun.kill() : surroundings.ask(asked)));
    }
    await output.close();
  }

  async function obtain(app: RunApp): Promise<Run> {
    const found = apps.get(app.id);
    if (found && !found.end && found.app.release === app.release && found.app.socketDirectory === app.socketDirectory)
      return found.run;
    if (found) await halt(found);
    leftovers().kill(app.id);
    const places = await prepare(app.id);
    const output = createOutputLog({
      file: logFile(app.id),
      maxBytes: limits.logBytes,
      onChunk: (chunk) => onOutput(app.id, chunk),
      onError,
    });
    let first: Promise<number> | undefined;
    const { firstOf } = surroundings;
    const begun = await begin({
      launch: surroundings.launch(app, places),
      leftovers: leftovers(),
      output,
      clock,
      ...(firstOf && {
        onTold: (told) => {
          first = firstOf(told);
          first.catch(() => {}); // asked for only while it runs
        },
      }),
    }).catch((error: unknown) => {
      throw new Refusal('app-start-failed', error instanceof Error ? error.message : String(error), { cause: error });
    });
    const live: Live = {
      ...{ app, begun, output, first: first ?? Promise.resolve(begun.pid), end: undefined },
      run: { container: `${app.id} ${begun.pid}`, startedAt: String(clock.now()), pid: begun.pid },
    };
    void begun.ended.then((end) => {
      live.end = end;
    });
    apps.set(app.id, live);
    return live.run;
  }

  const liveOf = (run: Run): Live | undefined => [...apps.values()].find((live) => live.run === run);

  async function tail(id: string, bytes: number): Promise<string> {
    try {
      const handle = await open(logFile(id), 'r');
      try {
        const { size } = await handle.stat();
        const wanted = Math.min(size, bytes + 1); // one more tells whether it is the whole
        const read = await handle.read(Buffer.alloc(wanted), 0, wanted, size - wanted);
        return tailOf(read.buffer.subarray(0, read.bytesRead), bytes);
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return '';
      throw error;
    }
  }

  async function exec(launch: Launch, signal: AbortSignal): Promise<number | null> {
    const quiet: OutputLog = {
      async follow(stream) {
        for await (const _ of stream);
      },
      note: async () => {},
      close: async () => {},
    };
    const noRecord: Leftovers = { record: () => {}, forget: () => {}, kill: () => false };
    const begun = await begin({ launch, leftovers: noRecord, output: quiet, clock });
    const kill = () => begun.kill();
    signal.addEventListener('abort', kill);
    if (signal.aborted) kill();
    const end = await begun.ended;
    signal.removeEventListener('abort', kill);
    return signal.aborted ? null : codeOf(end);
  }

  return {
    sandbox: surroundings.sandbox,
    async open() {},
    close() {},
    load: async () => noImages(),
    images: async () => [],
    unload: async () => {},
    obtain,
    ended: (run, signal) =>
      new Promise((resolve, reject) => {
        const left = () => reject(new Error('nobody waits for it any more'));
        signal.addEventListener('abort', left);
        if (signal.aborted) left();
        void (liveOf(run)?.begun.ended ?? Promise.resolve()).then(() => {
          signal.removeEventListener('abort', left);
          resolve();
        });
      }),
    async causeOf(run) {
      const live = liveOf(run);
      const end = live && (await live.begun.ended);
      return causeOf(end && { code: codeOf(end), outOfMemory: false }, live ? await tail(live.app.id, 64 * 1024) : '');
    },
    inside(id, run): Inside {
      const live = liveOf(run);
      const beside = async () =>
        live && !live.end ? surroundings.beside(live.app, placesOf(id), await live.first) : undefined;
      return {
        async exec(command, signal) {
          const there = await beside();
          if (!there) throw new Error('it has ended');
          return exec(there.launch(command), signal);
        },
        runDirectory: async () => (await beside())?.run,
      };
    },
    async stop(id) {
      const live = apps.get(id);
      if (live) await halt(live);
      else leftovers().kill(id); // of an agent that was killed
    },
    async remove(id) {
      const live = apps.get(id);
      if (live) await halt(live);
      apps.delete(id);
      await rm(placesOf(id).own, { recursive: true, force: true });
      for (const file of [logFile(id), `${logFile(id)}.1`]) await rm(file, { force: true });
    },
    leftovers: async () => [...apps].map(([id, { app }]) => ({ id, release: app.release })),
    logs: (id, { tailBytes }) => tail(id, tailBytes),
    kill(id) {
      const live = apps.get(id);
      if (live && !live.end) live.begun.kill();
    },
  };
}
