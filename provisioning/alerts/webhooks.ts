/**
 * Webhooks and what waits for them. A delivery is stored with what it tells, and forgotten once it was taken: it may come
 * twice after a cut, with the same id, and is never lost but by the rule that bounds the queue.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { AlertDelivery, CreatedWebhook, NewWebhook, Webhook } from '#contract/alerts.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import type { DeliveryRecord, WebhookRecord } from '../store/watch.js';
import type { Post } from './post.js';
import { createQueue, type Queue } from './queue.js';

export interface Webhooks {
  list(): Webhook[];
  has(id: string): boolean;
  /** @throws Refusal `webhooks-too-many` */
  create(wish: NewWebhook): Promise<CreatedWebhook>;
  /** What waits for it goes with it. @throws Refusal `webhook-unknown` */
  remove(id: string): Promise<void>;
  /** Posts one at once. @throws Refusal `webhook-unknown`, `webhook-failed` */
  test(id: string): Promise<void>;
  /** To be committed with what it tells; `queued` is called once that is done. */
  compose(ids: readonly string[], told: Omit<AlertDelivery, 'id'>): { operations: Operation[]; queued(): void };
  counts(): { waiting: number; taken: number; failed: number; givenUp: number };
  start(): void;
  stop(): Promise<void>;
}

export interface WebhooksParts {
  store: Store;
  clock: Clock;
  events: Pick<EventLog, 'record'>;
  log: { error(details: object, text: string): void };
  territory: string;
  post: Post;
  /** In `[0, 1)`. */
  random?: () => number;
}

const most = 50;

export const newId = (bytes = 5): string => randomBytes(bytes).toString('hex');

export async function openWebhooks(parts: WebhooksParts): Promise<Webhooks> {
  const { store, clock, territory, post } = parts;
  const stopping = new AbortController();
  const totals = { taken: 0, failed: 0, givenUp: 0 };
  const queues = new Map<string, Queue>();
  const open = (id: string, record: WebhookRecord, waiting: [string, DeliveryRecord][]) =>
    queues.set(id, createQueue({ ...parts, id, record, waiting, totals, signal: stopping.signal }));

  for (const [id, record] of await store.webhooks.iterator().all())
    open(id, record, await store.alertDeliveries.iterator({ gt: `${id}!`, lt: `${id}"` }).all());

  function known(id: string): Queue {
    const queue = queues.get(id);
    if (!queue) throw new Refusal('webhook-unknown', id);
    return queue;
  }

  return {
    list: () => [...queues.values()].map((queue) => queue.view()),
    has: (id) => queues.has(id),
    async create({ name, url }) {
      if (queues.size >= most) throw new Refusal('webhooks-too-many', `${most} at most`);
      if (!URL.canParse(url)) throw new Refusal('body-invalid', '/url must be an address');
      const id = newId();
      const record = { name, url, secret: randomBytes(32).toString('base64url'), createdAt: clock.now(), givenUp: 0 };
      await store.commit([{ type: 'put', sublevel: store.webhooks, key: id, value: record }]);
      open(id, record, []);
      queues.get(id)?.start();
      return { ...known(id).view(), secret: record.secret };
    },
    async remove(id) {
      await known(id).remove();
      queues.delete(id);
    },
    async test(id) {
      const { url, secret } = known(id).record();
      const now = clock.now();
      const nothing = { count: 0, boxes: [] };
      const told: AlertDelivery = {
        ...{ id: newId(16), at: now, kind: 'test', territory, firing: nothing, resolved: nothing, stillFiring: 0 },
        rule: { id: 'test', name: 'Test', severity: 'attention' },
      };
      await post({ ...{ url, secret, now }, id: told.id, body: JSON.stringify(told), signal: stopping.signal }).catch(
        (error: unknown) => {
          throw new Refusal('webhook-failed', error instanceof Error ? error.message : undefined, { cause: error });
        },
      );
    },
    compose(ids, told) {
      const parts = ids.flatMap((id) => {
        const queue = queues.get(id);
        // Each webhook's has an id of its own: they know nothing of one another.
        return queue ? [queue.compose({ ...told, id: newId(16) })] : [];
      });
      return {
        operations: parts.flatMap(({ operations }) => operations),
        queued() {
          for (const { queued } of parts) queued();
        },
      };
    },
    counts: () => ({
      waiting: [...queues.values()].reduce((sum, queue) => sum + queue.view().waiting, 0),
      ...totals,
    }),
    start() {
      for (const queue of queues.values()) queue.start();
    },
    async stop() {
      stopping.abort();
      await Promise.all([...queues.values()].map((queue) => queue.idle()));
    },
  };
}
