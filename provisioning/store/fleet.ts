/**
 * What boxes tell, behind one seam: kept by level in the provider's own process, or by PostgreSQL, which any number of
 * workers share. The control plane (claims, certificates, members, the catalogue) is no part of it: that stays in the
 * level store of one process, and workers read here what they need to know of it.
 */
import type { Sample } from '#contract/health.js';
import type { FleetEvent, StoredSample } from '#contract/operator.js';
import type { BoxRecord } from './boxes.js';
import type { LifeRecord } from './lives.js';

/** Proof that a worker owns a shard (`shardOf`, two hex digits): its number grows with each owner. */
export interface Fence {
  shard: string;
  token: number;
}

export interface NewSample extends Sample {
  box: string;
  epoch: string;
}

/** Samples of a round that came together: a store may keep the bytes that they came in. */
export interface Carried {
  /** Their place among the samples of the round. */
  first: number;
  count: number;
  /** As contract/health-codec.ts has them: those samples, unaltered, and no others. */
  bytes: Buffer;
}

/** What the messages that were taken together change. */
export interface FleetRound {
  samples: readonly NewSample[];
  /** In the order of the samples. */
  carried?: readonly Carried[];
  /** As they are after the round. */
  lives: ReadonlyMap<string, LifeRecord>;
  events: readonly FleetEvent[];
  /** Boxes whose session has begun or is over, for who asks another worker. */
  online: ReadonlyMap<string, boolean>;
  /** Of each shard that the round touches; empty where one process owns them all. */
  fences: readonly Fence[];
}

/** A life was written by somebody else since it was read: read it again. Nothing was changed. */
export class Conflict extends Error {}

/** What is known here of a box's admission: the control plane's record, without its keys. */
export type Admission = Pick<BoxRecord, 'enrolledAt' | 'revokedAt' | 'revocation' | 'settledAt'> & {
  certificate: { serial: string; notAfter: number };
};

export const admissionOf = ({ enrolledAt, revokedAt, revocation, settledAt, certificate }: BoxRecord): Admission => ({
  enrolledAt,
  certificate: { serial: certificate.serial, notAfter: certificate.notAfter },
  ...(revokedAt !== undefined && { revokedAt }),
  ...(revocation && { revocation }),
  ...(settledAt !== undefined && { settledAt }),
});

export interface EventQuery {
  limit: number;
  /** Only those before this id. */
  before?: string | undefined;
  box?: string | undefined;
  type?: string | undefined;
}

/** How long each resolution is kept, in days. */
export interface Keep {
  rawDays: number;
  /** Of 5 minutes. */
  minutesDays: number;
  /** Of one hour. */
  hoursDays: number;
  /** Of events, in PostgreSQL; level keeps the newest 10,000. */
  eventsDays: number;
}

export const usualKeep: Keep = { rawDays: 7, minutesDays: 90, hoursDays: 730, eventsDays: 90 };

const hour = 3_600_000;

/** Before when each goes, on the hour. */
export const cutsOf = (keep: Keep, now: number): { raw: number; minutes: number; hours: number; events: number } => {
  const cut = (days: number) => Math.max(0, Math.floor(now / hour - days * 24) * hour);
  return {
    raw: cut(keep.rawDays),
    minutes: cut(Math.max(keep.minutesDays, keep.rawDays)),
    hours: cut(Math.max(keep.hoursDays, keep.minutesDays, keep.rawDays)),
    events: cut(keep.eventsDays),
  };
};

/**
 * Every method rejects with Refusal `database-unreachable` while PostgreSQL is away, and `disk-full` where there is no
 * room; what was rejected has changed nothing.
 */
export interface FleetStore {
  readonly kind: 'level' | 'postgres';
  /** Those that are known, of these boxes. */
  lives(boxes: readonly string[]): Promise<Map<string, LifeRecord>>;
  /**
   * All of it is on the disk, or none of it. Whether a sample is new is decided by its box's life, which is written with
   * it: who commits must have read the lives after it became their owner.
   * The `version` of each is one more than that which was read, or 1.
   * @throws Conflict
   * @throws Refusal `shard-lost`, with the shards as its detail, apart by `, `: another worker owns them now
   */
  commit(round: FleetRound): Promise<void>;
  /** All of them, by id; or those that were written within the last so many seconds, by the store's clock. */
  allLives(withinSeconds?: number): AsyncIterable<[string, LifeRecord]>;
  /** In `[from, to]` by the box's clock, oldest first, at most `limit`, in the resolution that fits. */
  samples(box: string, range: { from: number; to: number; limit: number }): Promise<StoredSample[]>;
  /** Of raw samples, which are here: for counting them. In the order of epoch and sequence. */
  sequences(box: string): AsyncIterable<{ epoch: string; seq: number; at: number }>;

  /** One that is here already is left as it is. */
  record(events: readonly FleetEvent[]): Promise<void>;
  /** How often each type was stored since then. */
  eventTypes(since: number): Promise<Map<string, number>>;
  /** The newest, oldest first. */
  events(query: EventQuery): Promise<FleetEvent[]>;

  /** What the control plane says of these boxes; told by the process that holds it. */
  admit(boxes: ReadonlyMap<string, Admission>): Promise<void>;
  /** Those that are known, of these boxes. */
  admissions(boxes: readonly string[]): Promise<Map<string, Admission>>;
  /** Told of boxes whose admission has changed, or of `undefined` when any may have. Answers the way to end it. */
  onAdmission(listener: (box: string | undefined) => void): () => void;

  /** Boxes of these shards (of all, unless named) are offline until their next birth. */
  allOffline(shards?: readonly string[]): Promise<void>;

  /**
   * Puts samples that are past their time into the next resolution, and drops what is past the last. Each step of it is
   * one commit: what is cut off goes on at the next call.
   */
  sweep(keep: Keep, now: number, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
