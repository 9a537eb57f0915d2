/** What a message changes in what is known of its box. Pure: the caller writes what comes back, or nothing of it. */
import type { Ack, HealthBatch } from '#contract/health.js';
import type { Birth } from '#contract/status.js';
import type { LifeRecord, Track } from '../store/lives.js';
import { add, emptyTrack, gaps, has, highest, holes, lose, trim } from './track.js';

/** So many epochs of a box are followed; an old one's samples stay, its gaps are no longer counted. */
const mostTracks = 8;
/** Of an epoch that is not the box's own any more. */
const mostRangesOfOld = 16;
const mostMissing = 100;
const tellAgainMilliseconds = 3_600_000;

export const emptyLife = (): LifeRecord => ({ lastSeen: 0, tracks: {} });

const trackOf = (life: LifeRecord, epoch: string): Track => life.tracks[epoch] ?? emptyTrack;

function withTrack(life: LifeRecord, epoch: string, track: Track): LifeRecord {
  // Nearly each message, of nearly each box.
  if (life.tracks[epoch] && Object.keys(life.tracks).length === 1) return { ...life, tracks: { [epoch]: track } };
  const tracks = { ...life.tracks, [epoch]: track };
  const spare = Object.keys(tracks).filter((other) => other !== epoch && other !== life.birth?.epoch);
  for (const oldest of spare.slice(0, Math.max(0, Object.keys(tracks).length - mostTracks))) delete tracks[oldest];
  // A life is written whole with each message: what is over must not make it large.
  for (const other of spare) if (tracks[other]) tracks[other] = trim(tracks[other], mostRangesOfOld);
  return { ...life, tracks };
}

/**
 * A box begins a new epoch and never goes back to an old one: a reset box and a restored one go from A to B. When A comes
 * back after B, two machines go by one identity.
 * @param now by our clock, milliseconds since 1970
 */
function clonedBy(life: LifeRecord, { epoch }: Birth, now: number): LifeRecord['cloned'] {
  const known = life.born ?? (life.birth ? [life.birth.epoch] : []);
  if (life.birth?.epoch === epoch || !known.includes(epoch)) return life.cloned;
  const { since, toldAt } = life.cloned ?? { since: now, toldAt: Number.NEGATIVE_INFINITY };
  return { since, at: now, after: life.bornAt ?? now, toldAt: now - toldAt > tellAgainMilliseconds ? now : toldAt };
}

/** `isNews`: it looks like two boxes, and the operator has not been told for an hour. */
export function takeBirth(life: LifeRecord, birth: Birth, now: number): { life: LifeRecord; isNews: boolean } {
  const cloned = clonedBy(life, birth, now);
  const known = life.born ?? (life.birth ? [life.birth.epoch] : []);
  const born = [...known.filter((epoch) => epoch !== birth.epoch), birth.epoch].slice(-mostTracks);
  const next: LifeRecord = { ...life, birth, born, bornAt: now, ...(cloned && { cloned }) };
  return {
    life: withTrack(next, birth.epoch, trackOf(next, birth.epoch)),
    isNews: cloned !== undefined && cloned.toldAt !== life.cloned?.toldAt,
  };
}

/** The samples that were not here yet, and the box's life with them. */
export function takeHealth(
  life: LifeRecord,
  { epoch, samples, lost = [] }: HealthBatch,
): { life: LifeRecord; fresh: HealthBatch['samples'] } {
  let track = trackOf(life, epoch);
  let newest: HealthBatch['samples'][number] | undefined;
  const isCurrent = life.birth === undefined || life.birth.epoch === epoch;
  const fresh: HealthBatch['samples'] = [];
  for (const sample of samples) {
    if (has(track, sample.seq)) continue;
    // The newest by sequence: the time is the box's own and may be absurd.
    if (isCurrent && sample.seq > highest(track)) newest = sample;
    track = add(track, sample.seq, sample.seq);
    fresh.push(sample);
  }
  for (const [first, last, reason] of lost) track = lose(track, first, last, reason);
  const next = withTrack(life, epoch, track);
  // Of the others nobody may ever ask for the values (health-codec.ts).
  if (newest) next.health = { at: newest.at, values: newest.values };
  return { life: next, fresh };
}

/**
 * Of one epoch: the ranges between what has come, and what the box has given up. Not what its last birth announced: after
 * an outage the newest sample comes first.
 */
export function gapsOf(life: LifeRecord, epoch: string): number {
  const track = trackOf(life, epoch);
  const announced = life.birth?.epoch === epoch ? life.birth.lastSequence : 0;
  return holes(track, highest(track)).reduce(
    (sum, [from, to]) => sum + Math.max(0, to - Math.max(from, announced + 1) + 1),
    track.lost,
  );
}

/** Samples that were taken, by the box's own count at its birth, and are not stored here. */
export function allGaps(life: LifeRecord): number {
  const sum = Object.entries(life.tracks).reduce(
    (total, [epoch, track]) => total + gaps(track, life.birth?.epoch === epoch ? life.birth.lastSequence : 0),
    0,
  );
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}

/**
 * Asks again for what lies below the highest sequence that has come. What a birth only announces is not asked for: the
 * box is about to send it.
 */
export function ackOf(life: LifeRecord, epoch: string): Ack {
  const track = trackOf(life, epoch);
  return { epoch, contiguous: track.contiguous, missing: holes(track, highest(track)).slice(0, mostMissing) };
}
