/** Events of boxes: which of a batch are new, and how many of a box a day are taken. Pure. */
import { eventKind } from '#contract/event-table.js';
import { type BoxEvent, type EventBatch, factsText } from '#contract/events.js';
import type { LifeRecord } from '../store/lives.js';
import { add, emptyTrack, has, lose, trim } from './track.js';

/**
 * A box has a few a day, and comes back with some hundred after a month; what comes beyond waits at the box until the day
 * is over. It is written with the box's life, so that a new owner of the shard counts on.
 */
export const mostEventsADay = 500;
const mostTracks = 4;
/** A box sends them in their order: holes are of one that means harm. */
const mostRanges = 20;
const day = 86_400_000;

export interface Told {
  life: LifeRecord;
  fresh: BoxEvent[];
  /** Sequences that nobody will ever see, more than before. */
  missing: number;
  /** Not taken, and not covered by the acknowledgement. */
  over: number;
}

const tracksOf = (life: LifeRecord): NonNullable<LifeRecord['eventTracks']> => life.eventTracks ?? {};

/** @param now by our clock, milliseconds since 1970 */
export function takeEvents(life: LifeRecord, { epoch, events, lost = [] }: EventBatch, now: number): Told {
  const before = tracksOf(life)[epoch] ?? emptyTrack;
  const today = Math.floor(now / day);
  const taken = life.eventDay?.day === today ? life.eventDay.count : 0;
  const fresh: BoxEvent[] = [];
  let track = before;
  let over = 0;
  for (const event of events) {
    if (has(track, event.seq)) continue;
    if (taken + fresh.length >= mostEventsADay) {
      over += 1;
      continue;
    }
    track = add(track, event.seq, event.seq);
    fresh.push(event);
  }
  for (const [first, last] of lost) track = lose(track, first, last);
  track = trim(track, mostRanges);
  if (track === before) return { life, fresh, missing: 0, over };
  const tracks = { ...tracksOf(life), [epoch]: track };
  const spare = Object.keys(tracks).filter((other) => other !== epoch && other !== life.birth?.epoch);
  for (const oldest of spare.slice(0, Math.max(0, Object.keys(tracks).length - mostTracks))) delete tracks[oldest];
  return {
    life: { ...life, eventTracks: tracks, eventDay: { day: today, count: taken + fresh.length } },
    fresh,
    missing: track.lost - before.lost,
    over,
  };
}

/** Every event up to this one is here, or will never be. */
export const eventsUpTo = (life: LifeRecord, epoch: string): number => tracksOf(life)[epoch]?.contiguous ?? 0;

/** As an operator reads it. */
export function textOfEvent({ type, severity, count, clock, facts }: BoxEvent): string {
  const often = count === undefined ? '' : `, ${count} times`;
  const when = clock === undefined ? '' : ' (the box did not know the time)';
  const about = factsText(facts);
  return `${severity}: ${eventKind(type)?.title ?? type}${often}${about && ` · ${about}`}${when}`;
}
