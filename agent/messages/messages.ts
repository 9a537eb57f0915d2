/**
 * Messages between apps and the back ends of their makers, by the box's own link with its provider (contract/messages.ts).
 *
 * What an app sends is on the disk before it is answered, locked with a key of the app's; it is signed and encrypted when
 * it goes, with the certificate and to the key of that moment. It goes only while the owner grants it; what waits when
 * the grant is taken back stays until its life is over, and goes if the owner grants it again before. With the app goes
 * all of it, the key first.
 */
import path from 'node:path';
import { createArrivals } from '#common/arrivals.js';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { Files } from '#common/files.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import {
  longestLifeSeconds,
  type MessageCounts,
  maxMessageBytes,
  type NewMessage,
  type QueuedMessage,
  type ReceivedMessage,
  type ReceivedMessages,
} from '#contract/messages.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { AppBinding } from '../apps/installer.js';
import { createAppKeys } from './app-keys.js';
import { type Carrier, createCarrier, type Port } from './carrier.js';
import { openInbox, orderOf, type Received } from './inbox.js';
import { type MessageLimits, messageLimits } from './limits.js';
import { openQueue, type Queued } from './queue.js';
import { createReceiver } from './receiver.js';
import { createSealer, type Signing } from './sealer.js';
import { openTallies } from './tallies.js';

/** What an app is told as it happens. */
export type MessageNews = { app: string; at: number; id: string; name: string } & (
  | { type: 'message' }
  | { type: 'message-dropped'; code: ProblemCode }
);

export interface Messages {
  /**
   * Durable when it resolves; the same request under the same key again is the same message.
   * @throws Refusal `messages-unreleased`, `outbox-full`, `message-names-full`, `idempotency-key-reused`, `disk-full`,
   *   `body-invalid`, `body-too-large`
   */
  send(app: string, message: NewMessage, idempotencyKey?: string): Promise<QueuedMessage>;
  /**
   * What has come and was not deleted, oldest first, from behind the cursor on; waits for one to come where there is none.
   * @throws Refusal `cursor-invalid`, `messages-waits-too-many`
   */
  list(
    app: string,
    page: { cursor?: string | undefined; limit: number; waitSeconds: number; signal: AbortSignal },
  ): Promise<ReceivedMessages>;
  /** @throws Refusal `message-unknown` */
  remove(app: string, id: string): Promise<void>;
  /** The app is gone, and all of its messages. Bears being cut and done again. */
  forget(app: string): Promise<void>;
  /** For one session of the link, from its birth on. */
  open(port: Port): Carrier;
  onNews(listener: (news: MessageNews) => void): () => void;
  start(): void;
  stop(): Promise<void>;
}

const lookMilliseconds = 30_000;
const json = 'application/json';
const octets = 'application/octet-stream';
const isJson = (contentType: string): boolean => /^application\/json *(;|$)/i.test(contentType);

function contentOf({ name, body, bodyBase64, contentType }: NewMessage): { body: Buffer; contentType: string } {
  if ((body === undefined) === (bodyBase64 === undefined))
    throw new Refusal('body-invalid', `${name}: give either body or bodyBase64`);
  const bytes = bodyBase64 === undefined ? Buffer.from(JSON.stringify(body)) : Buffer.from(bodyBase64, 'base64');
  if (bytes.length > maxMessageBytes)
    throw new Refusal('body-too-large', `${bytes.length} of ${maxMessageBytes} bytes`);
  return { body: bytes, contentType: contentType ?? (bodyBase64 === undefined ? json : octets) };
}

function shown({ id, name, at, receivedAt, expiresAt, contentType }: Received, body: Buffer): ReceivedMessage {
  const head = { id, name, at, receivedAt, expiresAt, contentType };
  if (isJson(contentType))
    try {
      return { ...head, body: JSON.parse(body.toString('utf8')) as unknown };
    } catch {
      // what is no JSON is given as the bytes it is
    }
  return { ...head, bodyBase64: body.toString('base64') };
}

export async function createMessages(wish: {
  dataDir: string;
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  files: Files;
  clock: Clock & { trusted(): boolean; subscribe(listener: () => void): () => void };
  /** The release that an app is, and whom it is bound to; undefined for what is no installed release. */
  bindingOf: (app: string) => AppBinding | undefined;
  /** Whether the owner lets it write and be written to. */
  mayUse: (app: string) => boolean;
  onGrantChange: (listener: () => void) => () => void;
  /** What the box signs with now; undefined while it is not enrolled. */
  signing: () => Promise<Signing | undefined>;
  onRefused: (refusal: Refusal) => void;
  limits?: Partial<MessageLimits>;
}): Promise<Messages> {
  const { store, files, clock, bindingOf, mayUse, onRefused } = wish;
  const limits = { ...messageLimits, ...wish.limits };
  const keys = await createAppKeys({ directory: path.join(wish.dataDir, 'message-keys'), files });
  const tallies = await openTallies(store.db);
  const queue = await openQueue({ store, keys, tallies, limits, clock });
  const inbox = await openInbox({ store, keys, tallies, limits, clock });
  const listeners = new Set<(news: MessageNews) => void>();
  const carriers = new Set<Carrier>();
  const arrivals = createArrivals(clock);
  const stopping = new AbortController();
  const ends: (() => void)[] = [];
  /** Messages that the broker ended the session at; lives longer than a session. */
  const strikes = new Map<string, number>();
  let running: Promise<void> | undefined;

  function tell(news: MessageNews): void {
    for (const listener of [...listeners]) listener(news);
  }
  const wake = (): void => {
    for (const carrier of carriers) carrier.wake();
  };

  async function giveUp(queued: Queued, code: ProblemCode): Promise<void> {
    await queue.giveUp(queued, code);
    const { app, id, name } = queued;
    tell({ type: 'message-dropped', app, at: clock.now(), id, name, code });
  }

  function arrived(app: string, message: { id: string; name: string }): void {
    const { id, name } = message;
    tell({ type: 'message', app, at: clock.now(), id, name });
    arrivals.tell(app);
  }

  const sealer = createSealer({ keys, queue, bindingOf, signing: wish.signing, clock });
  const receiver = await createReceiver({ store, keys, inbox, tallies, bindingOf, mayUse, clock, arrived });

  /** What is over goes, and is told. */
  async function look(): Promise<void> {
    const now = clock.now();
    if (clock.trusted()) await queue.date(now);
    for (const queued of queue.expired(now)) await giveUp(queued, 'message-expired');
    for (const { app, id, name } of await inbox.expire(now))
      tell({ type: 'message-dropped', app, at: now, id, name, code: 'message-expired' });
  }

  const tried = (work: Promise<void>): Promise<void> =>
    work.catch((error: unknown) =>
      onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
    );

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await tried(look());
      wake();
      await clock.sleep(lookMilliseconds, stopping.signal);
    }
  }

  function countsOf(app: string): MessageCounts {
    const { outgoing, incoming } = tallies.of(app);
    const quotaBytes = limits.bytesOfApp;
    return {
      outgoing: { ...queue.used(app), quotaBytes, dropped: outgoing },
      incoming: { ...inbox.used(app), quotaBytes, dropped: incoming },
    };
  }

  return {
    async send(app, message, idempotencyKey) {
      const binding = bindingOf(app);
      if (!binding?.key) throw new Refusal('messages-unreleased', app);
      const { release, version } = binding;
      const { name, lifeSeconds = longestLifeSeconds } = message;
      const sent = { name, lifeSeconds, release, version, idempotencyKey, ...contentOf(message) };
      const { id } = await queue.add(app, sent);
      wake();
      return { id, name, counts: countsOf(app) };
    },

    async list(app, { cursor, limit, waitSeconds, signal }) {
      const after = cursor === undefined ? '' : parseCursor('', cursor);
      if (after === undefined) throw new Refusal('cursor-invalid');
      const full = () => new Refusal('messages-waits-too-many', undefined, { headers: { 'retry-after': '1' } });
      const wait = { milliseconds: waitSeconds * 1000, signal, caller: app, most: limits.waitsOfApp, full };
      const found = await arrivals.look(app, wait, () => inbox.list(app, { after, limit }));
      const last = found.at(-1);
      return {
        messages: found.map(({ received, body }) => shown(received, body)),
        cursor: last ? buildCursor('', orderOf(last.received)) : (cursor ?? null),
        counts: countsOf(app),
      };
    },

    remove: (app, id) => inbox.remove(app, id),

    async forget(app) {
      await keys.destroy(app);
      await queue.forget(app);
      await inbox.forget(app);
      await receiver.forget(app);
      await store.commit([tallies.forget(app)]);
      await keys.destroy(app); // one that was still being sent may have made another
    },

    open(port) {
      const carrier = createCarrier({ port, queue, sealer, receiver, mayUse, giveUp, strikes, clock, onRefused });
      carriers.add(carrier);
      carrier.wake();
      return {
        ...carrier,
        async stop(end) {
          carriers.delete(carrier);
          await carrier.stop(end);
        },
      };
    },

    onNews(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    start() {
      if (running) return;
      ends.push(wish.onGrantChange(wake));
      ends.push(clock.subscribe(() => void tried(look()).then(wake)));
      running = run();
    },

    async stop() {
      stopping.abort();
      for (const end of ends.splice(0)) end();
      arrivals.stop();
      await running;
    },
  };
}
