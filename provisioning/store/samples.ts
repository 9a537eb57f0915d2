/** What is stored of the samples of boxes, of what they came to, and of events. */
import type { Database, Operation } from '#common/commits.js';
import type { Sample } from '#contract/health.js';
import type { FleetEvent } from '#contract/operator.js';
import type { Pack, Place } from './pack.js';
import type { Bucket } from './rollup.js';
import { sublevel } from './sublevel.js';

export const sampleSublevels = (db: Database) => ({
  /** `{box}!{first time, 16 digits}!{epoch}!{lowest sequence, 16 digits}`: samples of one day (pack.ts). */
  packs: sublevel<Buffer>(db, 'packs', 'buffer'),
  /** `{box}!{begin, 16 digits}`: what five minutes of samples, and an hour of them, came to (bucket-pack.ts). */
  minutePacks: sublevel<Buffer>(db, 'minutepacks', 'buffer'),
  hourPacks: sublevel<Buffer>(db, 'hourpacks', 'buffer'),
  // One by one, as the release before wrote them; they are read until they are past their time.
  /** `{box}!{time, 16 digits}!{epoch}!{sequence, 16 digits}` to the values. */
  samples: sublevel<Sample['values']>(db, 'samples'),
  /** `{box}!{begin, 16 digits}` */
  rollupMinutes: sublevel<Bucket>(db, 'rollupminutes'),
  rollupHours: sublevel<Bucket>(db, 'rolluphours'),
  events: sublevel<FleetEvent>(db, 'events'),
});

export type SampleStore = Readonly<ReturnType<typeof sampleSublevels>>;

export const sampleKey = (box: string, at: number, epoch: string, sequence: number): string =>
  `${box}!${String(at).padStart(16, '0')}!${epoch}!${String(sequence).padStart(16, '0')}`;

/**
 * The put of one pack, its key encoded here: thousands come a second, and level's own way through the sublevel costs
 * twice the time.
 */
export const packOperation = (store: SampleStore, { box, at, epoch, seq, bytes }: Pack): Operation => ({
  type: 'put',
  key: store.packs.prefixKey(sampleKey(box, at, epoch, seq), 'utf8'),
  value: bytes,
  keyEncoding: 'utf8',
  valueEncoding: 'buffer',
});

/** Everything of a box between two times, both included. */
export const sampleRange = (box: string, from: number, to: number): { gte: string; lt: string } => ({
  gte: `${box}!${String(Math.max(0, from)).padStart(16, '0')}`,
  lt: `${box}!${String(Math.max(0, to)).padStart(16, '0')}"`, // the character after the separator
});

/** The time that a sample's key holds. */
export const sampleTime = (key: string): number => Number(key.split('!')[1]);

/** What the key of a sample that was written by itself says. */
export function samplePlace(key: string): Place {
  const [, at, epoch = '', seq] = key.split('!');
  return { epoch, seq: Number(seq), at: Number(at) };
}
