/** What is stored of the samples of boxes, of what they came to, and of events. */
import type { Database, Operation } from '#common/commits.js';
import type { Sample } from '#contract/health.js';
import type { FleetEvent } from '#contract/operator.js';
import type { Bucket } from './rollup.js';
import { sublevel } from './sublevel.js';

export const sampleSublevels = (db: Database) => ({
  /** `{box}!{time, 16 digits}!{epoch}!{sequence, 16 digits}` to the values. */
  samples: sublevel<Sample['values']>(db, 'samples'),
  /** `{box}!{begin, 16 digits}`: what five minutes of samples, and an hour of them, came to. */
  rollupMinutes: sublevel<Bucket>(db, 'rollupminutes'),
  rollupHours: sublevel<Bucket>(db, 'rolluphours'),
  events: sublevel<FleetEvent>(db, 'events'),
});

export type SampleStore = Readonly<ReturnType<typeof sampleSublevels>>;

export const sampleKey = (box: string, at: number, epoch: string, sequence: number): string =>
  `${box}!${String(at).padStart(16, '0')}!${epoch}!${String(sequence).padStart(16, '0')}`;

/**
 * The put of one sample, encoded here: thousands come a second, and level's own way through the sublevel costs twice
 * the time.
 */
export const sampleOperation = (store: SampleStore, key: string, values: Sample['values']): Operation => ({
  type: 'put',
  key: store.samples.prefixKey(key, 'utf8'),
  value: JSON.stringify(values),
  keyEncoding: 'utf8',
  valueEncoding: 'utf8',
});

/** Everything of a box between two times, both included. */
export const sampleRange = (box: string, from: number, to: number): { gte: string; lt: string } => ({
  gte: `${box}!${String(Math.max(0, from)).padStart(16, '0')}`,
  lt: `${box}!${String(Math.max(0, to)).padStart(16, '0')}"`, // the character after the separator
});

/** The time that a sample's key holds. */
export const sampleTime = (key: string): number => Number(key.split('!')[1]);
