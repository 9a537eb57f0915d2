/**
 * The clock of a box that has no clock battery.
 *
 * Invariants: the system's clock is never asked what time it is. Time starts at the latest of the release and the floor,
 * and goes on by the monotonic clock. Only time that a server of the territory gave, within the validity of its own
 * chain, becomes the floor; what it gives below the floor is kept as an offer and believed only when somebody who may
 * says so (`lower`). So neither a boot in 2040 nor one lying server moves the box there for ever.
 */
import type { Clock } from '#common/clock.js';
import type { Moment } from '#common/pki/path.js';
import { type FloorFile, floorFile, type KeptTime } from './floor-file.js';

/** `release`: nothing is known but that it is later than the release. `floor`: later than the last known time. */
export type TimeSource = 'authenticated' | 'floor' | 'release';

/** Which boot, and how far into it: by these a time is put right when the true one is known. */
export interface Uncertain {
  boot: string;
  monotonic: number;
}

export interface Stamp {
  at: number;
  /** Absent when the time is authenticated. */
  uncertain?: Uncertain;
}

/** What the true time was at the monotonic clock's zero, in this boot. */
export interface BootTime {
  boot: string;
  zero: number;
}

/**
 * `learned`: the time is this now. `confirmed`: it was already. `below-floor`: refused, kept as an offer.
 * `outside-chain`: the server contradicts its own certificate.
 */
export type Lesson = 'learned' | 'confirmed' | 'below-floor' | 'outside-chain';

export interface TrustedTime extends Clock {
  until(moment: number, signal?: AbortSignal): Promise<void>;
  source(): TimeSource;
  /** Whether the time is authenticated, in this boot. */
  trusted(): boolean;
  /** What to judge certificates by: the time, or the earliest that it can be. */
  moment(): Moment;
  stamp(): Stamp;
  bootTime(): BootTime | undefined;
  /** Of a server whose chain was found good but for time. Durable when it resolves, where it has to be. */
  learn(fresh: { date: number; validity: { notBefore: number; notAfter: number } }): Promise<Lesson>;
  /** The time that was refused last, gone on since. */
  offered(): number | undefined;
  /** The owner's confirmation, or a transfer: the offer becomes time and floor. False when there is none. */
  lower(): Promise<boolean>;
  /** A reset: the floor goes, and with it what this boot has learned. */
  forget(): Promise<void>;
  /** Told whenever the time becomes known or jumps, before waits for a moment look again. Answers the way to end it. */
  subscribe(listener: () => void): () => void;
  /** Keeps the floor near the time while it is known. */
  start(): void;
  stop(): Promise<void>;
}

/** A server's `Date` is cut to the second, two servers differ, and crystals drift half an hour a year. */
const slackMilliseconds = 3_600_000;
/** SD cards wear: the floor may lag so much behind. */
const persistMilliseconds = 6 * 3_600_000;
const longestSleep = 24 * 3_600_000;

export async function createTrustedTime(wish: {
  /** Where the floor is kept. */
  file: string;
  files: FloorFile;
  /** Of the machine; used to sleep, never to know the time. */
  clock: Pick<Clock, 'sleep'>;
  monotonic: () => number;
  /** Differs from boot to boot (`bootId`). */
  boot: string;
  /** Milliseconds since 1970. */
  releasedAt: number;
}): Promise<TrustedTime> {
  const { clock, monotonic, boot, releasedAt } = wish;
  const store = floorFile(wish.files, wish.file);
  const started = monotonic();
  const listeners = new Set<() => void>();
  const waiting = new Set<AbortController>();
  const stopping = new AbortController();
  let kept: KeptTime | undefined = await store.read();
  // An agent that is started again within one boot still knows the time: nothing has stopped the monotonic clock.
  let zero = kept?.boot === boot && started >= kept.monotonic ? kept.at - kept.monotonic : undefined;
  let offer: number | undefined;
  let running: Promise<void> | undefined;

  const floor = (): number => Math.max(releasedAt, kept?.at ?? 0);
  const now = (): number =>
    Math.floor(zero === undefined ? floor() + monotonic() - started : Math.max(releasedAt, zero + monotonic()));

  async function keep(): Promise<void> {
    if (zero === undefined) return;
    const next = { at: now(), boot, monotonic: monotonic() };
    await store.write(next);
    kept = next;
  }

  /** A full disk: the floor lags, and is tried again. What is known of the time holds all the same. */
  const tryToKeep = (): Promise<void> => keep().catch(() => {});

  function jumped(): void {
    for (const listener of listeners) listener();
    for (const wait of waiting) wait.abort();
  }

  async function set(next: number): Promise<void> {
    zero = next;
    await keep();
    jumped();
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(persistMilliseconds, stopping.signal);
      if (!stopping.signal.aborted) await tryToKeep();
    }
  }

  return {
    now,
    sleep: (milliseconds, signal) => clock.sleep(milliseconds, signal),
    async until(moment, signal) {
      while (!signal?.aborted && now() < moment) {
        const jump = new AbortController();
        waiting.add(jump);
        const woken = signal ? AbortSignal.any([signal, jump.signal]) : jump.signal;
        await clock.sleep(Math.min(moment - now(), longestSleep), woken);
        waiting.delete(jump);
      }
    },
    source: () => (zero !== undefined ? 'authenticated' : (kept?.at ?? 0) > releasedAt ? 'floor' : 'release'),
    trusted: () => zero !== undefined,
    moment: () => (zero === undefined ? { atLeast: now() } : now()),
    stamp: () => ({ at: now(), ...(zero === undefined ? { uncertain: { boot, monotonic: monotonic() } } : {}) }),
    bootTime: () => (zero === undefined ? undefined : { boot, zero }),
    async learn({ date, validity }) {
      if (date < validity.notBefore || date > validity.notAfter) return 'outside-chain';
      const gone = monotonic();
      const limit = zero === undefined ? floor() : now();
      if (date < limit - slackMilliseconds) {
        offer = date < releasedAt ? undefined : date - gone;
        return 'below-floor';
      }
      offer = undefined;
      if (zero !== undefined && date <= limit) return 'confirmed';
      const known = zero !== undefined;
      zero = Math.max(date, limit) - gone;
      // The first in a boot is kept, so that a restart within it knows the time; later ones only when the floor lags.
      if (!known || now() - (kept?.at ?? 0) > persistMilliseconds) await tryToKeep();
      jumped();
      return 'learned';
    },
    offered: () => (offer === undefined ? undefined : Math.floor(offer + monotonic())),
    async lower() {
      if (offer === undefined) return false;
      const next = offer;
      offer = undefined;
      await set(next);
      return true;
    },
    async forget() {
      zero = undefined;
      offer = undefined;
      kept = undefined;
      await store.remove();
      jumped();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      running ??= run();
    },
    async stop() {
      if (stopping.signal.aborted) return running;
      stopping.abort();
      await running;
      await tryToKeep();
    },
  };
}
