/**
 * What each app uses: of its container by the control group (Documentation/admin-guide/cgroup-v2.rst), of a plain process
 * by itself alone (proc_pid_stat(5)): its children are not counted.
 */
import { type AppMetricName, appMetricName } from '#contract/metrics.js';
import { decimal, round } from './numbers.js';
import type { Kernel, Measured } from './values.js';

export interface AppPlace {
  id: string;
  restarts: number;
  /** Its first process; null where nobody knows it. */
  pid: number | null;
}

/** More would crowd the sample. */
const mostApps = 40;
const ticksPerSecond = 100; // USER_HZ, on every architecture that Linux runs on today

/** The group in the one hierarchy of version 2; undefined where it is the whole machine's. */
export function groupOf(text: string | undefined): string | undefined {
  const [, group] = /^0::(\/[^\n]{0,500})$/m.exec(text ?? '') ?? [];
  return group === undefined || group === '/' || group.split('/').includes('..') ? undefined : group;
}

interface Usage {
  seconds: number | undefined;
  bytes: number | undefined;
}

async function ofGroup(kernel: Kernel, group: string): Promise<Usage> {
  const [cpu, memory] = await Promise.all([
    kernel(`/sys/fs/cgroup${group}/cpu.stat`),
    kernel(`/sys/fs/cgroup${group}/memory.current`),
  ]);
  const microseconds = decimal(/^usage_usec (\d+)$/m.exec(cpu ?? '')?.[1]);
  return { seconds: microseconds === undefined ? undefined : microseconds / 1e6, bytes: decimal(memory) };
}

/** /proc/PID/stat: behind the name, which may have brackets and spaces in it, state is field 3, utime 14, stime 15. */
export function processSeconds(text: string | undefined): number | undefined {
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  const [user, system] = [fields[11], fields[12]].map(decimal);
  return user === undefined || system === undefined ? undefined : (user + system) / ticksPerSecond;
}

/** /proc/PID/status, which counts in kB; stat counts in pages, whose size differs from board to board. */
export function processBytes(text: string | undefined): number | undefined {
  const kilobytes = decimal(/^VmRSS:\s+(\d+) kB$/m.exec(text ?? '')?.[1]);
  return kilobytes === undefined ? undefined : kilobytes * 1024;
}

async function ofProcess(kernel: Kernel, pid: number): Promise<Usage> {
  const [stat, status] = await Promise.all([kernel(`/proc/${pid}/stat`), kernel(`/proc/${pid}/status`)]);
  return { seconds: processSeconds(stat), bytes: processBytes(status) };
}

export function createAppReader(kernel: Kernel): (apps: readonly AppPlace[]) => Promise<Measured> {
  /** By process: where it is does not change. */
  let groups = new Map<number, string | null>();
  let own: string | undefined;

  async function groupOfProcess(pid: number): Promise<string | null> {
    own ??= groupOf(await kernel('/proc/self/cgroup')) ?? '';
    const group = groupOf(await kernel(`/proc/${pid}/cgroup`));
    // An app in the agent's own group has none to itself.
    return group === undefined || group === own ? null : group;
  }

  async function usageOf(pid: number): Promise<Usage> {
    const group = groups.get(pid) ?? null;
    return group === null ? ofProcess(kernel, pid) : ofGroup(kernel, group);
  }

  return async (apps) => {
    const told = apps.slice(0, mostApps);
    const next = new Map<number, string | null>();
    for (const { pid } of told)
      if (pid !== null) next.set(pid, groups.has(pid) ? (groups.get(pid) ?? null) : await groupOfProcess(pid));
    groups = next;
    const measured: { [name: AppMetricName]: number | undefined } = {};
    for (const { id, restarts, pid } of told) {
      measured[appMetricName('container.restarts', id)] = restarts;
      if (pid === null) continue;
      const { seconds, bytes } = await usageOf(pid);
      measured[appMetricName('container.cpu.time', id)] = seconds === undefined ? undefined : round(seconds, 1);
      measured[appMetricName('container.memory.usage', id)] = bytes;
    }
    return measured;
  };
}
