/**
 * What waits for one webhook, in order, one at a time. What is not taken is tried again after growing pauses, and given
 * up after twenty tries, some three hours. When a hundred wait, the oldest is given up for the newest.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { AlertDelivery, Webhook } from '#contract/alerts.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import type { DeliveryRecord, WebhookRecord } from '../store/watch.js';
import type { Post } from './post.js';

export interface Queue {
  view(): Webhook;
  record(): WebhookRecord;
  compose(told: AlertDelivery): { operations: Operation[]; queued(): void };
  start(): void;
  remove(): Promise<void>;
  /** Once nothing of it runs any more, after the signal. */
  idle(): Promise<void>;
}

export interface QueueParts {
  id: string;
  record: WebhookRecord;
  waiting: [key: string, delivery: DeliveryRecord][];
  store: Store;
  clock: Clock;
  events: Pick<EventLog, 'record'>;
  log: { error(details: object, text: string): void };
  post: Post;
  random?: () => number;
  totals: { taken: number; failed: number; givenUp: number };
  signal: AbortSignal;
}

export const mostWaiting = 100;
export const mostAttempts = 20;
const firstPause = 5000;
const longestPause = 900_000;

/** Twice as long each time, a quarter more or less. @param random in `[0, 1)` */
export const pauseAfter = (attempts: number, random: number): number =>
  Math.min(longestPause, firstPause * 2 ** (attempts - 1)) * (0.75 + random / 2);

export function createQueue(parts: QueueParts): Queue {
  const { id, store, clock, events, log, post, random = Math.random, totals, signal } = parts;
  let record = parts.record;
  const waiting = parts.waiting;
  let order = Number(waiting.at(-1)?.[0].split('!')[1] ?? 0);
  let failing: Webhook['failing'] = null;
  let running: Promise<void> | undefined;
  const gone = new AbortController();
  const ended = AbortSignal.any([signal, gone.signal]);

  /** What alters the webhook's own record, and what goes with it. */
  async function settle(change: Partial<WebhookRecord>, operations: Operation[]): Promise<void> {
    const next = { ...record, ...change };
    await store.commit([{ type: 'put', sublevel: store.webhooks, key: id, value: next }, ...operations]);
    record = next;
  }
  const forget = (key: string): Operation => ({ type: 'del', sublevel: store.alertDeliveries, key });

  function drop(key: string): void {
    const at = waiting.findIndex(([other]) => other === key);
    if (at >= 0) waiting.splice(at, 1);
  }

  function giveUp(why: string): void {
    totals.givenUp += 1;
    events.record({ type: 'alert-undelivered', text: `a delivery to ${record.name} was given up: ${why}` });
  }

  /** Answers how long to wait before the next try. */
  async function attempt(key: string, delivery: DeliveryRecord): Promise<number> {
    const now = clock.now();
    try {
      const { url, secret } = record;
      await post({ url, secret, id: delivery.id, body: delivery.body, now, signal: ended });
    } catch (error) {
      if (ended.aborted) return 0;
      const why = error instanceof Error ? error.message : String(error);
      const attempts = delivery.attempts + 1;
      totals.failed += 1;
      failing = { since: failing?.since ?? now, attempts: (failing?.attempts ?? 0) + 1, why };
      if (attempts >= mostAttempts) {
        await settle({ givenUp: record.givenUp + 1 }, [forget(key)]);
        drop(key);
        giveUp(why);
        return 0;
      }
      delivery.attempts = attempts;
      await store.commit([{ type: 'put', sublevel: store.alertDeliveries, key, value: delivery }]);
      return pauseAfter(attempts, random());
    }
    await settle({ lastAt: now }, [forget(key)]);
    drop(key);
    totals.taken += 1;
    failing = null;
    return 0;
  }

  async function run(): Promise<void> {
    for (let next = waiting[0]; next && !ended.aborted; next = waiting[0]) {
      const pause = await attempt(...next).catch((error: unknown) => {
        // Taken, and not forgotten for want of room: it comes again with the same id.
        log.error({ err: error }, 'cannot store what became of a delivery');
        return firstPause;
      });
      if (pause > 0) await clock.sleep(pause, ended);
    }
    running = undefined;
  }

  function start(): void {
    if (ended.aborted || waiting.length === 0) return;
    running ??= run();
  }

  return {
    view: () => ({
      ...{ id, name: record.name, url: record.url, createdAt: record.createdAt, waiting: waiting.length },
      ...{ lastAt: record.lastAt ?? null, failing, givenUp: record.givenUp },
    }),
    record: () => record,
    compose(told) {
      order += 1;
      const key = `${id}!${String(order).padStart(16, '0')}`;
      const delivery = { id: told.id, body: JSON.stringify(told), attempts: 0 };
      // The first may be on its way just now.
      const oldest = waiting.length >= mostWaiting ? waiting[1]?.[0] : undefined;
      const operations: Operation[] = [{ type: 'put', sublevel: store.alertDeliveries, key, value: delivery }];
      if (oldest !== undefined) operations.push(forget(oldest));
      return {
        operations,
        queued() {
          if (oldest !== undefined) {
            drop(oldest);
            record = { ...record, givenUp: record.givenUp + 1 };
            giveUp(`${mostWaiting} deliveries wait for it already`);
          }
          waiting.push([key, delivery]);
          start();
        },
      };
    },
    start,
    async remove() {
      gone.abort();
      await running;
      await store.commit([{ type: 'del', sublevel: store.webhooks, key: id }, ...waiting.map(([key]) => forget(key))]);
      waiting.length = 0;
    },
    idle: async () => running,
  };
}
