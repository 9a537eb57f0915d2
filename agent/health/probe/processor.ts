/** How busy the machine is: proc_stat(5), proc_loadavg(5), pressure stall information (Documentation/accounting/psi.rst). */
import { decimal, round } from './numbers.js';
import type { Kernel, Measured } from './values.js';

interface Times {
  all: number;
  idle: number;
}

/** The first line of /proc/stat: user nice system idle iowait irq softirq steal. */
export function cpuTimes(text: string | undefined): Times | undefined {
  const end = text?.indexOf('\n') ?? -1;
  const fields = (end < 0 ? (text ?? '') : (text ?? '').slice(0, end)).split(/\s+/);
  if (fields[0] !== 'cpu') return undefined;
  const times = fields.slice(1, 9).map(decimal);
  const known = times.filter((time) => time !== undefined && time >= 0) as number[];
  if (times.length < 4 || known.length < times.length) return undefined;
  return { all: known.reduce((sum, time) => sum + time, 0), idle: (known[3] ?? 0) + (known[4] ?? 0) };
}

/** Between two looks; undefined where nothing went by. */
export function utilization(before: Times, now: Times | undefined): number | undefined {
  if (!now) return undefined;
  const all = now.all - before.all;
  const idle = now.idle - before.idle;
  return all > 0 && idle >= 0 && idle <= all ? round(1 - idle / all, 4) : undefined;
}

/** Share of the last minute in which at least one task waited. */
export function pressure(text: string | undefined): number | undefined {
  const [, percent] = /^some .*?avg60=(\S+)/m.exec(text ?? '') ?? [];
  const value = decimal(percent);
  return value !== undefined && value >= 0 && value <= 100 ? round(value / 100, 3) : undefined;
}

export function createProcessor(kernel: Kernel): () => Promise<Measured> {
  let before: Times = { all: 0, idle: 0 }; // the first time: since the machine was started
  return async () => {
    const [stat, load, cpu, memory, io] = await Promise.all([
      kernel('/proc/stat'),
      kernel('/proc/loadavg'),
      kernel('/proc/pressure/cpu'),
      kernel('/proc/pressure/memory'),
      kernel('/proc/pressure/io'),
    ]);
    const now = cpuTimes(stat);
    const used = utilization(before, now);
    before = now ?? before;
    return {
      'system.cpu.utilization': used,
      'system.cpu.load_average.5m': decimal(load?.split(' ')[1]),
      'system.linux.pressure{system.linux.resource=cpu}': pressure(cpu),
      'system.linux.pressure{system.linux.resource=memory}': pressure(memory),
      'system.linux.pressure{system.linux.resource=io}': pressure(io),
    };
  };
}
