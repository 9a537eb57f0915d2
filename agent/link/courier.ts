/**
 * Carries health samples from the outbox to the provider within one session.
 *
 * A PUBACK proves nothing about storage: a sample counts as delivered when `down/ack` covers it. What is not covered in
 * time is sent again; the provider drops duplicates by (epoch, sequence). What the provider refuses goes to the dead
 * letters, so that one poison message never blocks the queue.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { type Ack, type HealthBatch, mostLost, type Range } from '#contract/health.js';
import { encodeBatch } from '#contract/health-codec.js';
import { isProblemCode, Refusal } from '#contract/problems.js';
import type { Outbox } from './outbox.js';

export interface Courier {
  /** Sends what has been stored until now. */
  flush(): void;
  /** The newest sample out of its turn, in which it goes again: for who looks at the box now. */
  sendNewest(): void;
  acknowledged(ack: Ack): void;
  /** Whether samples are on their way, or wait for their turn. */
  isBusy(): boolean;
  /**
   * Resolves when nothing moves any more, after the session's end. A session that the broker ended, though it had
   * answered the birth, was ended at what it had not answered yet.
   */
  stop(end: { byBroker: boolean }): Promise<void>;
}

interface Flight {
  range: Range;
  digest: string;
  compact: boolean;
  puback: boolean;
}

/** Batches that the broker ended the session at, by first sequence; lives longer than a session. */
export type Strikes = Map<number, number>;

const window = 4;
/** As many as a message has room for anyhow; compact ones take an hour's in less than 2 kB. */
const batchCount = 100;
const compactCount = 300;
/** JSON takes at most so much more than the compact form of the same samples is allowed. */
const compactBytes = 2 ** 20;
const ackMilliseconds = 30_000;
const longestAckMilliseconds = 600_000;
const mostStrikes = 5;

export const digestOf = (payload: string | Buffer): string =>
  createHash('sha256').update(payload).digest('hex').slice(0, 16);

/** As providers read it that know of no reasons. */
function jsonOf({ lost, ...batch }: HealthBatch): Buffer {
  return Buffer.from(JSON.stringify({ ...batch, ...(lost && { lost: lost.map(([first, last]) => [first, last]) }) }));
}

export function createCourier(wish: {
  outbox: Outbox;
  maxBytes: number;
  /** Whether the provider reads compact batches. */
  compact: boolean;
  send: (payload: Buffer) => Promise<void>;
  onRefused: (refusal: Refusal) => void;
  strikes: Strikes;
  clock: Clock;
}): Courier {
  const { outbox, send, onRefused, strikes, clock } = wish;
  const ended = new AbortController();
  let flights: Flight[] = [];
  let sent = outbox.state().acknowledged;
  let target = 0;
  let stored = 0; // what the provider said last in this session; a restored provider may know less than we do
  let { compact } = wish;
  let patience = ackMilliseconds;
  let pumping: Promise<void> | undefined;
  let newest: Flight | undefined;
  const resend: Range[] = [];
  const side = new Set<Promise<void>>();

  const beside = (work: Promise<void>): void => {
    const settled = work.catch(() => {}).finally(() => side.delete(settled));
    side.add(settled);
  };

  async function fly(from: number, to: number): Promise<number> {
    const { epoch } = outbox.state();
    const struck = strikes.size > 0; // one suspect at a time, so that blame falls on the right one
    const limits = compact ? { count: compactCount, bytes: compactBytes } : { count: batchCount, bytes: wish.maxBytes };
    let samples = await outbox.read(from, to, { ...limits, ...(struck && { count: 1 }) });
    let end = samples.at(-1)?.seq ?? to;
    let lost = await outbox.lostWithin(from, end);
    for (;;) {
      if (lost.length > mostLost) {
        lost = lost.slice(0, mostLost);
        end = lost.at(-1)?.[1] ?? end;
        samples = samples.filter(({ seq }) => seq <= end);
      }
      if (samples.length === 0 && lost.length === 0) return end;
      const payload = build({ epoch, samples, ...(lost.length > 0 ? { lost } : {}) });
      if (payload.length <= wish.maxBytes || samples.length <= 1) {
        flights.push(launch(payload, [from, end]));
        return end;
      }
      samples = samples.slice(0, samples.length >> 1);
      end = samples.at(-1)?.seq ?? end;
      lost = await outbox.lostWithin(from, end);
    }
  }

  const build = (batch: HealthBatch): Buffer => (compact ? encodeBatch(batch) : jsonOf(batch));

  function launch(payload: Buffer, range: Range): Flight {
    const flight: Flight = { range, digest: digestOf(payload), compact, puback: false };
    void send(payload).then(
      () => {
        flight.puback = true;
        strikes.delete(range[0]);
      },
      () => {}, // the session ended: stop() judges
    );
    return flight;
  }

  async function flyNewest(): Promise<void> {
    const { epoch, last } = outbox.state();
    const samples = await outbox.read(last, last, { count: 1, bytes: wish.maxBytes });
    // No flight is kept of it: it goes again in its turn, with whatever that brings.
    if (samples.length > 0 && strikes.size === 0) newest = launch(build({ epoch, samples }), [last, last]);
  }

  async function pump(): Promise<void> {
    while (!ended.signal.aborted && flights.length < (strikes.size > 0 ? 1 : window)) {
      const again = resend.shift();
      if (again && again[1] > stored) await fly(again[0], again[1]);
      else if (again) continue;
      else if (sent < target) sent = await fly(sent + 1, target);
      else break;
    }
  }

  function move(): void {
    pumping ??= pump()
      .catch((error: unknown) => onRefused(new Refusal('internal', 'cannot read the outbox', { cause: error })))
      .finally(() => {
        pumping = undefined;
      });
  }

  async function settle(ack: Ack): Promise<void> {
    const state = outbox.state();
    if (ack.epoch !== state.epoch) return;
    for (const refused of ack.refused ?? []) {
      const flight = flights.find((candidate) => candidate.digest === refused.digest);
      if (!flight) continue;
      const code = isProblemCode(refused.code) ? refused.code : 'message-malformed';
      if (flight.compact && code === 'message-malformed') {
        // Perhaps a provider that was put back to a release that does not read it: as JSON nothing need be lost.
        compact = false;
        flights = flights.filter((other) => other !== flight);
        resend.push(flight.range);
        continue;
      }
      await outbox.deadLetter(flight.range, code);
      onRefused(new Refusal(code, refused.detail ?? `samples ${flight.range.join(' to ')}`));
      flights = flights.filter((other) => other !== flight);
      resend.push(flight.range); // now to be declared lost
    }
    stored = ack.contiguous;
    await outbox.acknowledge(stored);
    for (const first of strikes.keys()) if (first <= stored) strikes.delete(first);
    const before = flights.length;
    flights = flights.filter((flight) => flight.range[1] > ack.contiguous);
    if (flights.length < before) patience = ackMilliseconds;
    sent = Math.max(sent, outbox.state().acknowledged);
    const asked = ack.missing.filter(
      ([from]) => from <= sent && !flights.some((flight) => overlap(flight.range, from)),
    );
    for (const range of asked) if (!resend.some((other) => overlap(other, range[0]))) resend.push(range);
    move();
  }

  async function watch(): Promise<void> {
    while (!ended.signal.aborted) {
      const oldest = flights[0];
      await clock.sleep(patience, ended.signal);
      if (ended.signal.aborted || !oldest || !flights.includes(oldest)) continue;
      // A whole wait without an answer: the broker may have taken it for somebody who was not there.
      patience = Math.min(patience * 2, longestAckMilliseconds);
      flights = [];
      sent = outbox.state().acknowledged;
      move();
    }
  }
  const watching = watch();

  return {
    flush() {
      target = outbox.state().last;
      move();
    },
    sendNewest() {
      beside(flyNewest());
    },
    acknowledged(ack) {
      beside(settle(ack));
    },
    isBusy: () => flights.length > 0 || resend.length > 0 || sent < target,
    async stop({ byBroker }) {
      ended.abort();
      const suspect = [...flights, ...(newest ? [newest] : [])].find((flight) => !flight.puback);
      if (suspect && byBroker) {
        const [from] = suspect.range;
        const count = (strikes.get(from) ?? 0) + 1;
        strikes.set(from, count);
        if (count >= mostStrikes) {
          strikes.clear();
          await outbox.deadLetter(suspect.range, 'publish-refused');
          onRefused(new Refusal('publish-refused', `samples ${suspect.range.join(' to ')}`));
        }
      }
      await Promise.all([pumping, watching, ...side]);
    },
  };
}

const overlap = (range: Range, sequence: number): boolean => range[0] <= sequence && sequence <= range[1];
