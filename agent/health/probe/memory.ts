/** proc_meminfo(5). */
import { decimal, round } from './numbers.js';
import type { Kernel, Measured } from './values.js';

const kibi = 1024;
const wanted = /^(MemTotal|MemAvailable|SwapTotal|SwapFree): +(\d+) kB$/gm;

export function memoryOf(text: string | undefined): Measured {
  const found = new Map<string, number | undefined>();
  for (const [, name = '', value] of (text ?? '').matchAll(wanted)) found.set(name, decimal(value));
  const bytes = (name: string): number | undefined => {
    const value = found.get(name);
    return value === undefined ? undefined : value * kibi;
  };
  const [limit, available, swap, free] = ['MemTotal', 'MemAvailable', 'SwapTotal', 'SwapFree'].map(bytes);
  const measured: Measured = { 'system.memory.limit': limit };
  if (limit !== undefined && available !== undefined && limit > 0 && available <= limit) {
    measured['system.memory.usage'] = limit - available;
    measured['system.memory.utilization'] = round(1 - available / limit, 4);
  }
  if (swap !== undefined && free !== undefined && swap > 0 && free <= swap) {
    measured['system.paging.limit'] = swap;
    measured['system.paging.usage'] = swap - free;
  }
  return measured;
}

export const createMemory = (kernel: Kernel) => async (): Promise<Measured> => memoryOf(await kernel('/proc/meminfo'));
