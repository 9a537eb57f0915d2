/** What the agent does to the machine it runs on. Tests hand in another one; everything else in the agent is real. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Clock, systemClock } from '#common/clock.js';
import { type Files, files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { machineOf } from './machine.js';
import type { NetworkHost } from './network.js';
import { createNmcli } from './nmcli.js';
import { createRauc } from './rauc.js';
import type { OsHost } from './slots.js';

export interface Space {
  totalBytes: number;
  freeBytes: number;
  /** How many files there can be, and how many more; both 0 where the filesystem does not count them. */
  inodes: number;
  freeInodes: number;
}

export interface Host {
  clock: Clock;
  files: Files;
  /** Milliseconds that only ever go forward while the machine runs, whatever is done to its clock. */
  monotonic(): number;
  /** Of the filesystem that holds the directory; free to this user. */
  space(directory: string): Promise<Space>;
  /** As `space`, at once: for who must know before each write. */
  freeBytes(directory: string): number;
  /** Whether another filesystem is mounted there. Rejects where there is nothing. */
  isMountPoint(directory: string): Promise<boolean>;
  /** A file of /proc or /sys; undefined where the machine has none. */
  kernel(file: string): Promise<string | undefined>;
  /** The names in a directory of /proc or /sys, sorted; empty where the machine has none. */
  list(directory: string): Promise<string[]>;
  /** What tells this machine from another, for `isSameMachine`; undefined where nothing does. */
  machine(): Promise<string | undefined>;
  /** Has the machine restarted; resolves when that is under way. @throws Refusal `host-cannot-reboot` */
  reboot(): Promise<void>;
  /** All that any program has written so far is on the disk when it resolves (sync(2)). */
  flush?(): Promise<void>;
  /** Whether the whole machine is being stopped, and not the agent alone. Never rejects. */
  goesDown(): Promise<boolean>;
  /** Where there are two systems to start from. */
  os?: OsHost;
  /** Where NetworkManager looks after the network. */
  network?: NetworkHost;
  /** The network that apps' tunnels go out to; the machine's own where nothing is said. */
  outside?: {
    /** All addresses of a name; rejects when there are none. */
    resolve(name: string): Promise<string[]>;
    /** A connection begun, half-open allowed. */
    dial(address: string, port: number): Socket;
  };
}

/** At once: the kernel answers out of its memory, and a turn through the thread pool costs seven times the reading. */
async function kernel(file: string): Promise<string | undefined> {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function list(directory: string): Promise<string[]> {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}

const execute = promisify(execFile);

const isSystemd = (): Promise<boolean> =>
  access('/run/systemd/system').then(
    () => true,
    () => false,
  );

async function goesDown(): Promise<boolean> {
  if (!(await isSystemd())) return false;
  // Whatever is not `running` is answered with a status of failure.
  const said = await execute('systemctl', ['is-system-running'], { timeout: 10_000 }).catch((error: unknown) =>
    error instanceof Error && 'stdout' in error ? error : { stdout: '' },
  );
  return String(said.stdout).trim() === 'stopping';
}

/** By systemd alone, which stops everything in order; and by root alone, as it wants. */
async function reboot(): Promise<void> {
  if (!(await isSystemd()) || process.getuid?.() !== 0) throw new Refusal('host-cannot-reboot');
  await restartMachine({ ask: () => execute('systemctl', ['--no-block', 'reboot']), goesDown });
}

/** @throws Refusal `host-cannot-reboot` */
export async function restartMachine(by: { ask(): Promise<unknown>; goesDown(): Promise<boolean> }): Promise<void> {
  try {
    await by.ask();
  } catch (error) {
    // Whoever asks belongs to the agent's own unit, and may be ended by what it has begun before it can say so.
    if (!(await by.goesDown())) throw new Refusal('host-cannot-reboot', 'systemctl refused', { cause: error });
  }
}

export const realHost: Host = {
  clock: systemClock,
  files,
  monotonic: () => Number(process.hrtime.bigint() / 1_000_000n), // CLOCK_MONOTONIC: since boot, across restarts
  async space(directory) {
    const found = statfsSync(directory); // as `kernel`
    const { blocks, bavail, bsize, files: inodes, ffree: freeInodes } = found;
    return { totalBytes: blocks * bsize, freeBytes: bavail * bsize, inodes, freeInodes };
  },
  freeBytes(directory) {
    const found = statfsSync(directory);
    return found.bavail * found.bsize;
  },
  async isMountPoint(directory) {
    const [inside, outside] = await Promise.all([stat(directory), stat(path.dirname(directory))]);
    return inside.dev !== outside.dev;
  },
  kernel,
  os: createRauc({ osRelease: () => kernel('/etc/os-release') }),
  network: createNmcli({ kernel, list }),
  reboot,
  flush: async () => void (await execute('sync')),
  goesDown,
  list,
  machine: () => machineOf({ kernel, interfaces: () => list('/sys/class/net') }),
};
