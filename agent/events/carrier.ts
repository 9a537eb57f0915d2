/**
 * Carries events within one session of the link, one batch at a time, and again until `events` of a `down/ack` covers it.
 *
 * A provider that knows nothing of them is sent none; they wait, as long as there is room. One that cannot take a batch
 * gets its events one by one, and what it will not take alone either goes, after as many tries: a provider whose workers
 * are half way through an upgrade must not cost an event, and one poison event must not hold up the others.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { type EventBatch, mostEventBytes, mostEvents, mostLostEvents } from '#contract/events.js';
import type { Ack } from '#contract/health.js';
import { isProblemCode, Refusal } from '#contract/problems.js';
import { asTold, type Book } from './book.js';

/** What a session of the link offers. */
export interface Port {
  /** Whether the provider knows of events. */
  reads: boolean;
  maxPacketBytes: number;
  /** Within it a box that comes back with much begins, so that not all begin at once. */
  spreadMilliseconds: number;
  /** Under `up/event`; resolves with the broker's PUBACK, and rejects when the session ends before it. */
  publish(payload: Buffer): Promise<void>;
}

export interface Carrier {
  acknowledged(ack: Ack): void;
  /** Something may be sent now. */
  wake(): void;
  /** After the session's end; resolves when nothing moves any more. */
  stop(): Promise<void>;
}

const firstPatience = 30_000;
const longestPatience = 600_000;
/** So many are at most what happened just now. */
const few = 10;
const mostStrikes = 5;

type Answer = { stored: number } | { refused: Refusal } | 'late';

export function createCarrier({
  port,
  book,
  clock,
  random,
  onRefused,
}: {
  port: Port;
  book: Book;
  clock: Clock;
  /** From 0 to 1. */
  random: () => number;
  onRefused: (refusal: Refusal) => void;
}): Carrier {
  const ended = new AbortController();
  let known = book.state().acknowledged; // a restored provider may know less than we do
  let patience = firstPatience;
  let single = false;
  let strikes = 0;
  let news = true;
  let heard = (): void => {};
  let flight: { digest: string; answer: (answer: Answer) => void } | undefined;
  const settling = new Set<Promise<void>>();

  function wake(): void {
    news = true;
    heard();
  }

  const pause = (): Promise<void> => {
    const mine = clock.sleep(patience, ended.signal);
    patience = Math.min(patience * 2, longestPatience);
    return mine;
  };

  async function fly({ epoch, events, lost }: EventBatch): Promise<Answer> {
    const payload = Buffer.from(JSON.stringify({ epoch, events, ...(lost?.length && { lost }) }));
    const digest = createHash('sha256').update(payload).digest('hex').slice(0, 16);
    const over = new AbortController();
    const answered = new Promise<Answer>((answer) => {
      flight = { digest, answer };
    });
    port.publish(payload).catch(() => {}); // the session ended, and with it this
    const late = clock.sleep(patience, AbortSignal.any([over.signal, ended.signal])).then((): Answer => 'late');
    const answer = await Promise.race([answered, late]);
    flight = undefined;
    over.abort();
    return answer;
  }

  /** False: nothing waits. */
  async function turn(): Promise<boolean> {
    const bytes = Math.min(mostEventBytes, port.maxPacketBytes) / 2;
    const before = known;
    const { rows, lost, end } = await book.read(before, {
      count: single ? 1 : mostEvents,
      bytes,
      lost: mostLostEvents,
    });
    if (end <= before) return false;
    const answer = await fly({ epoch: book.state().epoch, events: rows.map(asTold), lost });
    if (ended.signal.aborted) return true;
    if (answer === 'late') patience = Math.min(patience * 2, longestPatience);
    else if ('stored' in answer) {
      if (answer.stored <= before) await pause(); // it takes no more now
      if (answer.stored >= end) [patience, strikes, single] = [firstPatience, 0, false];
    } else if (rows.length > 1) single = true;
    else if (++strikes < mostStrikes) await pause();
    else {
      strikes = 0;
      await book.giveUp(({ seq }) => seq <= end);
      onRefused(answer.refused);
    }
    return true;
  }

  async function run(): Promise<void> {
    if (!port.reads) return;
    if (book.state().waiting > few) await clock.sleep(random() * port.spreadMilliseconds, ended.signal);
    while (!ended.signal.aborted) {
      news = false;
      const moved = await turn().catch((error: unknown) => {
        onRefused(new Refusal('internal', 'cannot read the events', { cause: error }));
        return false;
      });
      if (moved || news || ended.signal.aborted) continue;
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  }
  const running = run();

  async function settle(ack: Ack): Promise<void> {
    if (ack.epoch !== book.state().epoch) return;
    const refused = ack.refused?.find(({ digest }) => digest === flight?.digest);
    if (refused) {
      const code = isProblemCode(refused.code) ? refused.code : 'message-malformed';
      return flight?.answer({ refused: new Refusal(code, refused.detail ?? 'an event') });
    }
    if (ack.events === undefined) return;
    known = ack.events;
    await book.acknowledge(ack.events);
    flight?.answer({ stored: ack.events });
    wake();
  }

  return {
    acknowledged(ack) {
      const mine = settle(ack)
        .catch((error: unknown) => onRefused(new Refusal('internal', 'cannot settle events', { cause: error })))
        .finally(() => settling.delete(mine));
      settling.add(mine);
    },
    wake,
    async stop() {
      ended.abort();
      heard();
      await Promise.all([running, ...settling]);
    },
  };
}
