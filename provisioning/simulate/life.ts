/**
 * What a simulated box is like for as long as it lives, and what it measures at a moment. Pure, by seed and number: a
 * sample that has to be sent again is told again, so that a month of them waits in no memory.
 */
import { between, chance, oneOf, wander } from './random.js';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

export interface Life {
  readonly seed: number;
  /** Of the box, from 0. */
  readonly index: number;
  readonly model: string;
  readonly arch: string;
  readonly cpus: number;
  readonly os: string;
  readonly agent: string;
  /** Boxes of one place lose their power together. */
  readonly place: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Milliseconds by which its day begins later. */
  readonly dayShift: number;
  /** CPU in use at night, and so much more at the day's height. */
  readonly load: { readonly base: number; readonly swing: number };
  /** Degrees Celsius of the room it stands in. */
  readonly room: number;
  /** Milliseconds between two starts. */
  readonly bootEvery: number;
  /** Share of the disk in use at first, and how much more each day until its owner clears it. */
  readonly disk: { readonly base: number; readonly perDay: number };
  /** The agent's memory grows by so many bytes an hour until it is restarted. */
  readonly leakPerHour: number;
  readonly weakWifi: boolean;
  readonly underVoltage: boolean;
  /** How far its clock is off, milliseconds; undefined: it knows the time. */
  readonly clockOff: number | undefined;
  readonly apps: readonly { readonly id: string; readonly restartsPerDay: number }[];
}

/** Numbers of what is asked of `chance`, one for each use. */
export const ask = {
  ...{ model: 1, agent: 2, place: 3, disk: 4, shift: 5, load: 6, swing: 7, room: 8, boot: 9, fill: 10, fillRate: 11 },
  ...{ leak: 12, leakRate: 13, wifi: 14, volt: 15, clock: 16, clockOff: 17, apps: 18, crash: 19, diskBase: 20 },
  ...{ busy: 30, jitter: 31, warm: 32, memory: 33, net: 34, signal: 35, drop: 36, volts: 37, phase: 38 },
} as const;

const gibi = 2 ** 30;
type Machine = Pick<Life, 'model' | 'arch' | 'cpus' | 'memoryBytes'>;
const machine = (model: string, memory: number): Machine => ({
  ...{ model, arch: 'arm64', cpus: 4 },
  memoryBytes: memory * gibi - 128 * 2 ** 20,
});
const machines: readonly [Machine, ...Machine[]] = [
  machine('Raspberry Pi 4 Model B Rev 1.5', 4),
  machine('Raspberry Pi 4 Model B Rev 1.4', 2),
  machine('Raspberry Pi 5 Model B Rev 1.0', 8),
  machine('Raspberry Pi 3 Model B Plus Rev 1.3', 1),
  machine('Raspberry Pi Compute Module 4 Rev 1.1', 4),
];
const agents = ['0.1.0', '0.1.0', '0.1.0', '0.0.9', '0.0.8'] as const;
const disks = [16, 32, 32, 64, 128] as const;
const appIds = ['example.visits', 'example.diary', 'example.meter', 'example.garden'] as const;
export const places = 5;

export function lifeOf(seed: number, index: number): Life {
  const of = (about: number) => chance(seed, about, index);
  const fills = of(ask.fill) < 0.06;
  const crashes = of(ask.crash) < 0.03;
  return {
    ...{
      seed,
      index,
      ...oneOf(machines, of(ask.model)),
      os: 'Debian GNU/Linux 13',
      agent: oneOf(agents, of(ask.agent)),
    },
    place: Math.floor(of(ask.place) * places),
    diskBytes: oneOf(disks, of(ask.disk)) * gibi,
    dayShift: between(-3 * hour, 3 * hour, of(ask.shift)),
    load: { base: between(0.01, 0.06, of(ask.load)), swing: between(0.02, 0.45, of(ask.swing) ** 2) },
    room: between(15, 31, of(ask.room)),
    bootEvery: between(5 * day, 60 * day, of(ask.boot)),
    disk: {
      base: between(0.12, 0.6, of(ask.diskBase)),
      perDay: fills ? between(0.01, 0.04, of(ask.fillRate)) : 0.0005,
    },
    leakPerHour: of(ask.leak) < 0.05 ? between(0.3, 3, of(ask.leakRate)) * 2 ** 20 : 0,
    weakWifi: of(ask.wifi) < 0.08,
    underVoltage: of(ask.volt) < 0.04,
    clockOff: of(ask.clock) < 0.02 ? Math.round(between(-20, 20, of(ask.clockOff))) * minute : undefined,
    apps: appIds.slice(0, Math.floor(of(ask.apps) * 4)).map((id, at) => ({
      id,
      restartsPerDay: crashes && at === 0 ? 90 : 0.02,
    })),
  };
}

/** From 0 at night to 1 at the height of the day. */
const daylight = ({ dayShift }: Life, at: number): number =>
  Math.max(0, Math.sin(((at - dayShift) / day) * 2 * Math.PI - Math.PI / 2));

export const uptime = ({ seed, index, bootEvery }: Life, at: number): number =>
  (at + chance(seed, ask.phase, index) * bootEvery) % bootEvery;

/** Share of the disk in use; who fills it clears it at 97 %. */
export function diskUse({ disk, seed, index }: Life, at: number): number {
  const room = 0.97 - disk.base;
  return disk.base + (((at / day + chance(seed, ask.diskBase, index) * 400) * disk.perDay) % room);
}

export function busy(life: Life, at: number): number {
  const { seed, index, load } = life;
  const now = Math.floor(at / minute);
  const burst = chance(seed, ask.busy, index, now) ** 12;
  const part = load.base + load.swing * daylight(life, at) * wander(seed, ask.jitter, index, at, 20 * minute);
  return Math.min(1, part + burst * 0.8);
}

export const temperature = (life: Life, at: number): number =>
  life.room + 24 + 5 * daylight(life, at) + 34 * busy(life, at) + 2 * wander(life.seed, ask.warm, life.index, at, hour);

/** In dBm; undefined for a box on a cable. */
export function signal({ seed, index, weakWifi }: Life, at: number): number | undefined {
  if (!weakWifi && index % 3 === 0) return undefined;
  const best = weakWifi ? -74 : -52;
  return Math.round(best - 12 * wander(seed, ask.signal, index, at, 7 * minute));
}

export const isUnderVoltage = ({ seed, index, underVoltage }: Life, at: number): boolean =>
  underVoltage && chance(seed, ask.volts, index, Math.floor(at / (15 * minute))) < 0.3;

/** A weak Wi-Fi loses the box for some minutes, about twice a day. */
export const isOutOfReach = ({ seed, index, weakWifi }: Life, at: number): boolean =>
  weakWifi && chance(seed, ask.drop, index, Math.floor(at / (4 * minute))) < 0.006;
