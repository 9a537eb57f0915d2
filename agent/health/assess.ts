/** From samples to conditions. Pure: all that it remembers is what it answered the last time. */
import { aroundRules } from './assess/around.js';
import { diskRules } from './assess/disk.js';
import { type Held, hold } from './assess/hold.js';
import { machineRules } from './assess/machine.js';
import type { Facts, Rule } from './assess/rule.js';
import { emptyWindow, slide, type Window } from './assess/window.js';
import type { Values } from './probe.js';

export type { Facts } from './assess/rule.js';

export const rules: readonly Rule[] = [...diskRules, ...machineRules, ...aroundRules];

export interface Memory {
  window: Window;
  held: Held;
}

export const nothingKnown: Memory = { window: emptyWindow, held: new Map() };

export interface Taken {
  /** Milliseconds by a clock that only goes forward. */
  tick: number;
  /** The time of day, for `since`. */
  at: number;
  values: Values;
  facts: Facts;
}

export function assess(
  { window, held }: Memory,
  { tick, at, values, facts }: Taken,
): { memory: Memory; changed: boolean } {
  const slid = slide(window, { tick, values });
  const look = { values, window: slid, facts };
  const read = rules.map((rule) => ({ rule, readings: rule.read(look) }));
  const next = hold(held, read, { tick, at });
  return { memory: { window: slid, held: next.held }, changed: next.changed };
}
