/**
 * After the agent was killed its apps run on, and must not run twice. So each start is written down as process id, start
 * time and boot: together they name one process for ever, where a process id alone is used again.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { parseJson } from '#contract/parse.js';

const Started = Type.Object({
  pid: Type.Integer({ minimum: 2 }),
  /** In clock ticks since the boot, field 22 of /proc/PID/stat (proc(5)). */
  startTicks: Type.String({ pattern: '^[0-9]{1,20}$' }),
  boot: Type.String(),
});

export interface Leftovers {
  /** Synchronous: between the start of a process and its record nothing else may happen. */
  record(app: string, pid: number): void;
  forget(app: string): void;
  /** Kills the recorded process with its group, if it still runs. Answers whether it did. */
  kill(app: string): boolean;
}

/** Undefined when there is no such process, or only its zombie. */
export function startTicksOf(pid: number): string | undefined {
  try {
    // The name, field 2, is in parentheses and may hold anything, spaces and parentheses too.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Answers whether there was any process in the group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

export function createLeftovers({ directory }: { directory: string }): Leftovers {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fileOf = (app: string): string => path.join(directory, `${app}.json`);
  return {
    record(app, pid) {
      const startTicks = startTicksOf(pid);
      if (startTicks === undefined) return; // it has ended already
      writeFileSync(fileOf(app), JSON.stringify({ pid, startTicks, boot: bootId() }), { mode: 0o600 });
    },
    forget: (app) => rmSync(fileOf(app), { force: true }),
    kill(app) {
      let bytes: Buffer;
      try {
        bytes = readFileSync(fileOf(app));
      } catch {
        return false;
      }
      const parsed = parseJson(Started, bytes);
      rmSync(fileOf(app), { force: true });
      if (!parsed.ok) return false;
      const { pid, startTicks, boot } = parsed.value as Static<typeof Started>;
      if (boot !== bootId() || startTicksOf(pid) !== startTicks) return false;
      return signalGroup(pid, 'SIGKILL');
    },
  };
}
