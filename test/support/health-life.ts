/**
 * What a healthy box with two apps measures, minute by minute: 39 values that move as such values do. The noise is that
 * of a live machine or more, so that nothing is smaller on the wire here than in life.
 */
import type { HealthBatch, Sample } from '#contract/health.js';
import { randomFrom } from './random.js';

const round = (value: number, digits = 0): number => Number(value.toFixed(digits)) || 0;
/** So many milliseconds late is a sample, at most. */
const lateMilliseconds = 12;
const minuteMilliseconds = 60_000;
const page = (bytes: number): number => Math.round(bytes / 4096) * 4096;

export const appMetricsOf = (app: string): [string, string, string] => [
  `container.cpu.time{webizen.app=${app}}`,
  `container.memory.usage{webizen.app=${app}}`,
  `container.restarts{webizen.app=${app}}`,
];

/** @param random from 0 to 1 */
export function createHealthLife(random: () => number, bootedMinutesAgo = 4000): (minute: number) => Sample['values'] {
  const bell = (): number => Array.from({ length: 6 }, random).reduce((sum, one) => sum + one, -3) * 1.4;
  /** Moves away and comes back. */
  const wander = (from: number, step: number, back: number) => {
    let value = from;
    return () => {
      value += bell() * step + (from - value) * back;
      return value;
    };
  };
  const counter = (from: number, each: () => number) => {
    let value = from;
    return () => {
      value += Math.max(0, each());
      return value;
    };
  };
  const memory = 949_420_032;
  const disk = 31_268_536_320;
  const used = wander(412e6, 900e3, 0.02);
  const swap = wander(21e6, 0, 0);
  const agent = wander(86e6, 250e3, 0.05);
  const heat = wander(51, 0.4, 0.05);
  const load = wander(0.22, 0.03, 0.2);
  const cpu = wander(0.034, 0.006, 0.5);
  const signal = wander(-58, 0.8, 0.3);
  const offset = wander(0.0004, 0.0003, 0.3);
  const busy = wander(0.004, 0.0006, 0.5);
  const received = counter(8e8, () => 9000 + Math.round(Math.abs(bell()) * 6000));
  const sent = counter(2e8, () => 4000 + Math.round(Math.abs(bell()) * 2500));
  const grown = counter(7.1e9, () => (random() < 0.3 ? 4096 * (1 + Math.abs(bell()) * 20) : 0));
  const apps = [58e6, 34e6].map((from) => ({
    memory: wander(from, 120e3, 0.05),
    cpu: counter(4000, () => 0.4 + Math.abs(bell()) * 0.2),
  }));
  const pressure = () => (random() < 0.75 ? 0 : round(Math.abs(bell()) * 0.003, 4));

  return (minute) => {
    const inUse = page(used());
    const onDisk = page(grown());
    const perApp = apps.flatMap(({ memory: held, cpu: spent }, index) => {
      const [cpuTime, memoryUsage, restarts] = appMetricsOf(`org.example.${['notes', 'photos'][index]}`);
      return [
        [cpuTime, round(spent(), 2)],
        [memoryUsage, page(held())],
        [restarts, 0],
      ];
    });
    return {
      'system.cpu.utilization': round(Math.abs(cpu()), 4),
      'system.cpu.load_average.5m': round(Math.abs(load()), 2),
      'system.linux.pressure{system.linux.resource=cpu}': pressure(),
      'system.linux.pressure{system.linux.resource=memory}': 0,
      'system.linux.pressure{system.linux.resource=io}': pressure(),
      'system.memory.limit': memory,
      'system.memory.usage': inUse,
      'system.memory.utilization': round(inUse / memory, 4),
      'system.paging.limit': 536_866_816,
      'system.paging.usage': page(swap()),
      'system.filesystem.limit': disk,
      'system.filesystem.usage': onDisk,
      'system.filesystem.utilization': round(onDisk / disk, 4),
      'system.filesystem.inodes.utilization': 0.0712,
      'system.filesystem.errors': 0,
      'hw.errors{hw.type=physical_disk}': 0,
      'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': 0.9,
      'hw.physical_disk.pre_eol': 1,
      'system.network.io{network.io.direction=receive}': received(),
      'system.network.io{network.io.direction=transmit}': sent(),
      'system.network.errors{network.io.direction=receive}': 0,
      'system.network.errors{network.io.direction=transmit}': 0,
      'system.network.wireless.signal': round(signal()),
      'hw.temperature': round(heat(), 1),
      'hw.status{hw.state=throttled}': 0,
      'hw.status{hw.state=under_voltage}': 0,
      'hw.status{hw.state=under_voltage_since_boot}': 0,
      'system.uptime': (bootedMinutesAgo + minute) * 60,
      'system.clock.trusted': 1,
      'system.clock.offset': round(offset(), 4),
      'process.memory.usage': page(agent()),
      'nodejs.eventloop.utilization': round(Math.abs(busy()), 4),
      'nodejs.eventloop.delay.max': round(0.0106 + Math.abs(bell()) * 0.002, 4),
      ...Object.fromEntries(perApp),
    };
  };
}

/** A batch of such a life, a sample a minute; the same for the same seed. */
export function lifeOf({
  samples,
  first = 1,
  seed = 7,
}: {
  samples: number;
  first?: number;
  seed?: number;
}): HealthBatch {
  const random = randomFrom(seed);
  const life = createHealthLife(random);
  const began = Date.UTC(2026, 10, 1);
  return {
    epoch: '0123456789abcdef',
    samples: Array.from({ length: samples }, (_, index) => ({
      seq: first + index,
      at: began + index * minuteMilliseconds + Math.floor(random() * lateMilliseconds),
      values: life(index),
    })),
  };
}
