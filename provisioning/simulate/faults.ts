/**
 * What goes wrong in a simulation: read from the command line, then laid out for each box. Pure.
 *
 *   outage=10%:5m     a share of the boxes has no network for so long, and goes on measuring
 *   blackout=60%:2m   a share of them loses its power at one moment, and comes back at one moment: a storm
 *   offline=1%:30d    a share of them has lain without a network for so long when it begins
 *   duplicate=5%      a share of the batches is sent twice
 *   reorder=5%        a share of the batches is sent after the next one
 *   slow=2%           a share of the boxes sends by drips
 */
import { Refusal } from '#contract/problems.js';
import { hour, type Life, minute } from './life.js';
import { chance } from './random.js';

export interface Spell {
  share: number;
  /** Milliseconds of simulated time. */
  lasts: number;
}

export interface Faults {
  outage?: Spell;
  blackout?: Spell;
  offline?: Spell;
  duplicate?: number;
  reorder?: number;
  slow?: number;
}

const units: Record<string, number> = { s: 1000, m: minute, h: hour, d: 24 * hour };
const spells = ['outage', 'blackout', 'offline'] as const;
const shares = ['duplicate', 'reorder', 'slow'] as const;
const isOneOf = <T extends string>(list: readonly T[], name: string): name is T =>
  (list as readonly string[]).includes(name);

const no = (what: string): never => {
  throw new Refusal('arguments-invalid', `--faults: ${what}`);
};

function share(text: string, of: string): number {
  const [, digits] = /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(text) ?? [];
  const part = Number(digits) / 100;
  return part >= 0 && part <= 1 ? part : no(`${of} is a share such as 10%`);
}

function lasting(text: string, of: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const lasts = Number(count) * (units[unit] ?? Number.NaN);
  return lasts > 0 ? lasts : no(`${of} lasts for a time such as 90s, 5m, 2h or 30d`);
}

/** @throws Refusal `arguments-invalid` */
export function parseFaults(text: string): Faults {
  const faults: Faults = {};
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [name = '', value = '', ...more] = part.trim().split('=');
    if (more.length > 0 || Object.hasOwn(faults, name)) no(`"${part}" is said twice or wrong`);
    if (isOneOf(shares, name)) faults[name] = share(value, name);
    else if (isOneOf(spells, name)) {
      const [first = '', second, ...rest] = value.split(':');
      if (rest.length > 0) no(`"${part}" has too many parts`);
      // The share may be left out: everybody.
      faults[name] =
        second === undefined
          ? { share: 1, lasts: lasting(first, name) }
          : { share: share(first, name), lasts: lasting(second, name) };
    } else no(`there is no fault "${name}": ${[...spells, ...shares].join(', ')}`);
  }
  return faults;
}

export interface Absence {
  /** Milliseconds since 1970, simulated. Without power nothing is measured. */
  from: number;
  to: number;
  power: boolean;
}

/** The part of the whole time after which the power fails. */
export const blackoutAt = 0.3;

const ask = { outage: 50, outageAt: 51, blackout: 52, offline: 53, slow: 54 } as const;

/**
 * When a box is away between two moments. What lasts longer than that is over at the end: everybody is here then, and
 * what waited can be counted.
 */
export function absencesOf({ outage, blackout }: Faults, { seed, index }: Life, from: number, to: number): Absence[] {
  const absences: Absence[] = [];
  const within = to - from;
  if (blackout && chance(seed, ask.blackout, index) < blackout.share) {
    const lasts = Math.min(blackout.lasts, within * 0.4);
    absences.push({ from: from + within * blackoutAt, to: from + within * blackoutAt + lasts, power: false });
  }
  if (outage && chance(seed, ask.outage, index) < outage.share) {
    const lasts = Math.min(outage.lasts, within * 0.6);
    const begins = from + chance(seed, ask.outageAt, index) * (within * 0.9 - lasts);
    absences.push({ from: begins, to: begins + lasts, power: true });
  }
  return absences;
}

/** For how long a box has measured without a network when the simulation begins. */
export const backlogOf = ({ offline }: Faults, { seed, index }: Life): number =>
  offline && chance(seed, ask.offline, index) < offline.share ? offline.lasts : 0;

export const isSlow = ({ slow = 0 }: Faults, { seed, index }: Life): boolean => chance(seed, ask.slow, index) < slow;
