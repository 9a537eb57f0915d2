/** Where no sample is, and why, as far as what happened tells. Pure. */
import type { FleetEvent, StoredSample } from '#contract/operator.js';
import { clockTime, dayOf } from './format.js';
import { columnsOf, longestStep } from './series.js';
import { texts } from './texts.js';

/** In milliseconds since 1970. */
export interface Gap {
  from: number;
  to: number;
  reason: string;
}

export interface GapFacts {
  to: number;
  isOnline: boolean;
  /** Of the box, oldest first: the newest of them, so of a time long ago there may be none. */
  events: readonly FleetEvent[];
}

/** What is missing is told by the box once it is back, with its next batch. */
const toldWithin = 3_600_000;
/** Two clocks, and the time that a lost connection goes unnoticed. */
const slack = 120_000;
const day = 86_400_000;

const at = (time: number, beside: number): string =>
  Math.abs(time - beside) > day ? `${dayOf(time)}, ${clockTime(time)}` : clockTime(time);

function reasonOf(from: number, to: number, events: readonly FleetEvent[]): string {
  const words = texts.box.gapReasons;
  const reasons: string[] = [];
  const left = events.find((event) => event.type === 'offline' && event.at >= from - slack && event.at <= to);
  const back = left && events.find((event) => event.type === 'online' && event.at >= left.at);
  if (left) reasons.push(words.offline(at(left.at, to), back && at(back.at, left.at)));
  const told = events.find((event) => event.type === 'gap' && event.at >= from && event.at <= to + toldWithin);
  if (told) reasons.push(told.text);
  return reasons.join('; ') || words.unknown;
}

/** @param samples ascending */
export function gapsOf(samples: readonly StoredSample[], { to, isOnline, events }: GapFacts): Gap[] {
  const found = columnsOf(samples, []).gaps.map(([from, end]) => [from * 1000, end * 1000] as const);
  const last = samples.at(-1)?.at;
  const longest = longestStep(samples);
  // An online box sends in batches: that the newest have not come yet is no gap.
  if (last !== undefined && !isOnline && Number.isFinite(longest) && to - last > longest) found.push([last, to]);
  return found.map(([from, end]) => ({ from, to: end, reason: reasonOf(from, end, events) }));
}
