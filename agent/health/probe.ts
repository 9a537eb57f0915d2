/**
 * Measures this machine. The minute's sample uses only calls that spawn no process: systeminformation's `mem` and
 * `currentLoad`, and the kernel's own files where its calls would start df, ip or sensors.
 */
import { arch, cpus, uptime } from 'node:os';
// Its parts by name: the whole of it is 20 modules, of which the rest would only take memory.
import { currentLoad } from 'systeminformation/lib/cpu.js';
import { mem } from 'systeminformation/lib/memory.js';
import { osInfo } from 'systeminformation/lib/osinfo.js';
import { system } from 'systeminformation/lib/system.js';
import type { Sample } from '#contract/health.js';
import type { MetricName } from '#contract/metrics.js';
import type { Birth } from '#contract/status.js';
import type { Host } from '../host/host.js';

export type Values = Sample['values'];

export interface Probe {
  sample(): Promise<Values>;
  /** Slow and spawning: once at start. */
  inventory(): Promise<NonNullable<Birth['hardware']>>;
}

/** Loopback, and what is only between containers and the machine: it never leaves the box, and would count twice. */
const inside = /^(lo|veth|docker|podman|cni|br-|virbr)/;

/** Bytes received and sent by all interfaces that lead out; counters of the kernel (proc_net_dev(5)). */
export function networkTotals(text: string): { receive: number; transmit: number } {
  const totals = { receive: 0, transmit: 0 };
  for (const line of text.split('\n')) {
    const [name, counters] = line.split(':');
    if (!counters || inside.test(name?.trim() ?? '')) continue;
    const fields = counters.trim().split(/\s+/).map(Number);
    totals.receive += fields[0] || 0;
    totals.transmit += fields[8] || 0;
  }
  return totals;
}

async function temperature(host: Host): Promise<number | undefined> {
  const zones = await Promise.all(
    [0, 1, 2, 3].map((zone) => host.kernel(`/sys/class/thermal/thermal_zone${zone}/temp`)),
  );
  const degrees = zones
    .flatMap((text) => (text ? [Number(text) / 1000] : []))
    .filter((value) => value > -100 && value < 200);
  return degrees.length > 0 ? Math.max(...degrees) : undefined;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

export function createProbe({ host, dataDir }: { host: Host; dataDir: string }): Probe {
  return {
    async sample() {
      const [memory, load, space, network, degrees] = await Promise.all([
        mem(),
        currentLoad(),
        host.space(dataDir),
        host.kernel('/proc/net/dev'),
        temperature(host),
      ]);
      const inUse = memory.total - memory.available;
      const values: Partial<Record<MetricName, number>> = {
        'system.cpu.utilization': round(load.currentLoad / 100, 4),
        'system.memory.limit': memory.total,
        'system.memory.usage': inUse,
        'system.memory.utilization': round(inUse / memory.total, 4),
        'system.filesystem.limit': space.totalBytes,
        'system.filesystem.usage': space.totalBytes - space.freeBytes,
        'system.filesystem.utilization': round(1 - space.freeBytes / Math.max(1, space.totalBytes), 4),
        'system.uptime': Math.round(uptime()),
        'process.memory.usage': process.memoryUsage.rss(),
      };
      if (network !== undefined) {
        const totals = networkTotals(network);
        values['system.network.io{network.io.direction=receive}'] = totals.receive;
        values['system.network.io{network.io.direction=transmit}'] = totals.transmit;
      }
      if (degrees !== undefined) values['hw.temperature'] = round(degrees, 1);
      return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
    },
    async inventory() {
      const [machine, os] = await Promise.all([system(), osInfo()]);
      const text = (...words: string[]) => words.filter(Boolean).join(' ').slice(0, 200) || 'unknown';
      return {
        model: text(machine.manufacturer, machine.model),
        os: text(os.distro, os.release),
        arch: arch(),
        cpus: cpus().length || 1,
      };
    },
  };
}
