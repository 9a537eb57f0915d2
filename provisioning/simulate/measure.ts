/** What a simulated box measures at a moment, as many values as an agent on a Raspberry Pi takes. Pure. */
import type { Sample } from '#contract/health.js';
import {
  ask,
  busy,
  day,
  diskUse,
  hour,
  isUnderVoltage,
  type Life,
  minute,
  signal,
  temperature,
  uptime,
} from './life.js';
import { between, chance, wander } from './random.js';

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

export function measure(life: Life, at: number): Sample['values'] {
  const { seed, index, memoryBytes, diskBytes, leakPerHour } = life;
  const up = uptime(life, at);
  const used = busy(life, at);
  const disk = diskUse(life, at);
  const grown = Math.round((leakPerHour * (up % (20 * day))) / hour);
  const memory = Math.min(
    memoryBytes * 0.98,
    memoryBytes * between(0.22, 0.4, wander(seed, ask.memory, index, at, 30 * minute)) + grown,
  );
  const traffic = between(200, 9000, chance(seed, ask.net, index));
  const strength = signal(life, at);
  return {
    'system.cpu.utilization': round(used, 4),
    'system.memory.limit': memoryBytes,
    'system.memory.usage': Math.round(memory),
    'system.memory.utilization': round(memory / memoryBytes, 4),
    'system.filesystem.limit': diskBytes,
    'system.filesystem.usage': Math.round(diskBytes * disk),
    'system.filesystem.utilization': round(disk, 4),
    'system.network.io{network.io.direction=receive}': Math.round((traffic * up) / 1000),
    'system.network.io{network.io.direction=transmit}': Math.round((traffic * 0.3 * up) / 1000),
    'hw.temperature': round(temperature(life, at), 1),
    'system.uptime': Math.floor(up / 1000),
    'process.memory.usage': 70 * 2 ** 20 + grown,
    ...(strength === undefined ? {} : { 'system.network.wireless.signal': strength }),
    ...pressed(life, at, used),
    ...worn(life, at, disk),
    ...ofApps(life, at),
  };
}

/** What waits for what, and how the agent fares. */
function pressed({ seed, index, memoryBytes, clockOff }: Life, at: number, used: number): Sample['values'] {
  const swap = memoryBytes / 4;
  return {
    'system.cpu.load_average.5m': round(used * 4 * between(0.8, 1.2, wander(seed, ask.load, index, at, 5 * minute)), 2),
    'system.linux.pressure{system.linux.resource=cpu}': round(used ** 2 * 0.4, 4),
    'system.linux.pressure{system.linux.resource=memory}': 0,
    'system.linux.pressure{system.linux.resource=io}': round(chance(seed, ask.jitter, index, at) ** 8 * 0.2, 4),
    'system.paging.limit': Math.round(swap),
    'system.paging.usage': Math.round((swap * wander(seed, ask.memory, index, at, 6 * hour)) / 4096 / 8) * 4096,
    'system.clock.trusted': clockOff === undefined ? 1 : 0,
    'system.clock.offset': round(((clockOff ?? 0) + 40 * wander(seed, ask.clockOff, index, at, hour)) / 1000, 3),
    'nodejs.eventloop.utilization': round(0.004 + used * 0.02, 4),
    'nodejs.eventloop.delay.max': round(0.012 + 0.05 * chance(seed, ask.busy, index, at) ** 6, 4),
  };
}

/** The card, the filesystems, the supply. */
function worn(life: Life, at: number, disk: number): Sample['values'] {
  const { seed, index, underVoltage } = life;
  const hot = temperature(life, at) > 80;
  return {
    'system.filesystem.inodes.utilization': round(disk * 0.3, 4),
    'system.filesystem.utilization{system.filesystem.mountpoint=/}': 0.8412,
    'system.filesystem.inodes.utilization{system.filesystem.mountpoint=/}': 0.3107,
    'system.filesystem.errors': 0,
    'hw.errors{hw.type=physical_disk}': 0,
    'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': round(
      between(0.2, 1, chance(seed, ask.disk, index)),
      1,
    ),
    'hw.physical_disk.pre_eol': 1,
    'system.network.errors{network.io.direction=receive}': 0,
    'system.network.errors{network.io.direction=transmit}': 0,
    'hw.status{hw.state=throttled}': hot ? 1 : 0,
    'hw.status{hw.state=under_voltage}': isUnderVoltage(life, at) ? 1 : 0,
    'hw.status{hw.state=under_voltage_since_boot}': underVoltage ? 1 : 0,
  };
}

function ofApps(life: Life, at: number): Sample['values'] {
  const values: Sample['values'] = {};
  const up = uptime(life, at);
  for (const [number, { id, restartsPerDay }] of life.apps.entries()) {
    const about = `{container.name=${id}}`;
    const share = 0.002 * (1 + chance(life.seed, ask.apps, life.index, number));
    values[`container.cpu.time${about}`] = round((share * up) / 1000, 1);
    values[`container.memory.usage${about}`] =
      Math.round(between(12_000, 24_000, wander(life.seed, ask.apps, life.index + number, at, 10 * minute))) * 4096;
    values[`container.restarts${about}`] = Math.floor((restartsPerDay * up) / day);
  }
  return values;
}
