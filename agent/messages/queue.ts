/**
 * Messages of apps that the provider does not have yet, on disk.
 *
 * Invariants: a message is answered for when it is on the disk, with the number that it bears in its stream. It leaves the
 * queue when the provider says that it has stored it, or when it is given up, which is counted and told. A number is given
 * once and without holes: what many callers send while the disk is busy goes down in one batch, or not at all.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { isDiskFull } from '#common/database.js';
import { MessageId, MessageName, mostNames, streamIdOf } from '#contract/messages.js';
import { check } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { AppKeys } from './app-keys.js';
import { createHeld } from './held.js';
import type { MessageLimits } from './limits.js';
import type { Tallies } from './tallies.js';

const Row = Type.Object(
  {
    id: MessageId,
    name: MessageName,
    at: Type.Integer(),
    time: Type.Union([Type.Literal('authenticated'), Type.Literal('unknown')]),
    release: Type.String(),
    version: Type.String(),
    lifeSeconds: Type.Integer(),
    /** From when its life counts; null while the time is not known. */
    datedAt: Type.Union([Type.Integer(), Type.Null()]),
    contentType: Type.String(),
    bytes: Type.Integer(),
    /** Locked with the app's key, in base64. */
    body: Type.String(),
  },
  { additionalProperties: true },
);
type Row = Static<typeof Row>;
const Stream = Type.Object({ stream: Type.String({ pattern: '^[0-9a-f]{16}$' }), last: Type.Integer({ minimum: 0 }) });
type Stream = Static<typeof Stream>;
const Once = Type.Object({ id: MessageId, name: MessageName, digest: Type.String(), at: Type.Integer() });
type Once = Static<typeof Once>;

/** All of a row but what it says. */
export interface Queued extends Omit<Row, 'body'> {
  app: string;
  /** Of the row. */
  place: string;
}

export interface Sent {
  name: string;
  contentType: string;
  body: Buffer;
  lifeSeconds: number;
  release: string;
  version: string;
  /** The caller's word that it is the same request. */
  idempotencyKey?: string | undefined;
}

export interface Queue {
  /**
   * Durable when it resolves. @throws Refusal `outbox-full`, `message-names-full`, `idempotency-key-reused`, `disk-full`
   */
  add(app: string, sent: Sent): Promise<{ id: string; name: string; isNew: boolean }>;
  /** The oldest of each app and name that is not among the busy lanes and has its time, at most so many. */
  next(busy: ReadonlySet<string>, most: number, may: (app: string) => boolean): Queued[];
  /** Undefined when it has gone meanwhile, or cannot be read any more. */
  body(queued: Queued): Promise<Buffer | undefined>;
  find(app: string, id: string): Queued | undefined;
  /** The provider has it. */
  delivered(queued: Queued): Promise<void>;
  giveUp(queued: Queued, code: ProblemCode): Promise<void>;
  /** Those whose life is over, to be given up; and the time is known, so that each has one. */
  expired(now: number): Queued[];
  date(now: number): Promise<void>;
  used(app: string): { waiting: number; usedBytes: number };
  forget(app: string): Promise<void>;
}

export const laneOf = ({ app, name }: { app: string; name: string }): string => `${app}/${name}`;
const orderKey = (order: number): string => String(order).padStart(16, '0');
/** Beside the body: what a row costs the disk. */
export const rowBytes = 512;
const dayMilliseconds = 86_400_000;
const forgetPage = 200;

interface Add {
  app: string;
  sent: Sent;
  resolve(done: { id: string; name: string; isNew: boolean }): void;
  reject(error: unknown): void;
}

export async function openQueue({
  store,
  keys,
  tallies,
  limits,
  clock,
}: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  keys: AppKeys;
  tallies: Tallies;
  limits: MessageLimits;
  clock: { now(): number; trusted(): boolean };
}): Promise<Queue> {
  const json = { valueEncoding: 'json' } as const;
  const rows = store.db.sublevel<string, unknown>('message-queue', json);
  const streams = store.db.sublevel<string, unknown>('message-streams', json);
  const once = store.db.sublevel<string, unknown>('message-once', json);
  /** In order, by app. */
  const queues = createHeld<Queued>();
  const numbers = new Map<string, Stream>();
  const asked = new Map<string, Once>();
  const going = new Set<string>();
  let order = 0;

  for await (const [place, value] of rows.iterator()) {
    const [app = '', number = '0'] = place.split('!');
    order = Math.max(order, Number(number));
    const read = check(Row, value);
    if (!read.ok) continue;
    const { body: _, ...row } = read.value;
    queues.keep({ ...row, app, place });
  }
  for await (const [key, value] of streams.iterator()) {
    const read = check(Stream, value);
    if (read.ok) numbers.set(key, read.value);
  }
  for await (const [key, value] of once.iterator()) {
    const read = check(Once, value);
    if (read.ok) asked.set(key, read.value);
  }

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const digestOf = ({ name, contentType, body, lifeSeconds }: Sent): string =>
    createHash('sha256')
      .update(JSON.stringify([name, contentType, lifeSeconds]))
      .update(body)
      .digest('hex');
  const onceKey = (app: string, key: string): string => `${app}!${createHash('sha256').update(key).digest('hex')}`;

  /** What one turn of adding changes; seen by those after it in the turn, and by the rest when it is on the disk. */
  interface Draft {
    operations: Operation[];
    fresh: Queued[];
    numbers: Map<string, Stream>;
    asked: Map<string, Once | undefined>;
    bytes: Map<string, number>;
    counts: Map<string, number>;
  }

  function refuseFull(draft: Draft, app: string, bytes: number): void {
    const own = (draft.bytes.get(app) ?? queues.bytesOf(app)) + bytes;
    const all = queues.totalBytes() + draft.fresh.reduce((sum, one) => sum + one.bytes, 0) + bytes;
    const count = draft.counts.get(app) ?? queues.of(app).size;
    if (own > limits.bytesOfApp || all > limits.bytes || count >= limits.countOfApp) throw new Refusal('outbox-full');
    draft.bytes.set(app, own);
    draft.counts.set(app, count + 1);
  }

  function numberIn(draft: Draft, app: string, name: string): Stream {
    const key = `${app}!${name}`;
    const known = draft.numbers.get(key) ?? numbers.get(key);
    if (!known) {
      const names = [...new Set([...numbers.keys(), ...draft.numbers.keys()])].filter((one) =>
        one.startsWith(`${app}!`),
      );
      if (names.length >= mostNames) throw new Refusal('message-names-full');
    }
    return { stream: known?.stream ?? randomBytes(8).toString('hex'), last: (known?.last ?? 0) + 1 };
  }

  async function addOne(draft: Draft, { app, sent }: Add): Promise<{ id: string; name: string; isNew: boolean }> {
    const { name, idempotencyKey } = sent;
    const digest = digestOf(sent);
    const key = idempotencyKey === undefined ? undefined : onceKey(app, idempotencyKey);
    const before = key === undefined ? undefined : draft.asked.has(key) ? draft.asked.get(key) : asked.get(key);
    if (before && before.digest !== digest) throw new Refusal('idempotency-key-reused');
    if (before) return { id: before.id, name: before.name, isNew: false };
    const { lock } = await keys.of(app);
    const bytes = sent.body.length + rowBytes;
    const number = numberIn(draft, app, name);
    refuseFull(draft, app, bytes);
    const id = streamIdOf(number.stream, number.last);
    const at = clock.now();
    const row: Row = {
      ...{ id, name, at, bytes },
      time: clock.trusted() ? 'authenticated' : 'unknown',
      datedAt: clock.trusted() ? at : null,
      ...{ release: sent.release, version: sent.version, lifeSeconds: sent.lifeSeconds, contentType: sent.contentType },
      body: lock(sent.body, id).toString('base64'),
    };
    order += 1;
    const place = `${app}!${orderKey(order)}`;
    const { body: _, ...rest } = row;
    draft.fresh.push({ ...rest, app, place });
    draft.numbers.set(`${app}!${name}`, number);
    draft.operations.push(
      { type: 'put', sublevel: rows, key: place, value: row },
      { type: 'put', sublevel: streams, key: `${app}!${name}`, value: number },
    );
    if (key !== undefined) {
      const value: Once = { id, name, digest, at };
      draft.asked.set(key, value);
      draft.operations.push({ type: 'put', sublevel: once, key, value }, ...forgetOnces(draft, app, at));
    }
    return { id, name, isNew: true };
  }

  /** After a day, and the oldest beyond as many as an app may have. */
  function forgetOnces(draft: Draft, app: string, now: number): Operation[] {
    const own = [...asked].filter(([key]) => key.startsWith(`${app}!`) && !draft.asked.has(key));
    const over = own.length + 1 - limits.oncesOfApp;
    const old = own
      .sort(([, a], [, b]) => a.at - b.at)
      .filter(([, { at }], index) => index < over || now - at > dayMilliseconds);
    for (const [key] of old) draft.asked.set(key, undefined);
    return old.map(([key]) => ({ type: 'del', sublevel: once, key }));
  }

  let adding: Add[] = [];
  async function addAll(): Promise<void> {
    const group = adding;
    adding = [];
    const draft: Draft = {
      ...{ operations: [], fresh: [], numbers: new Map(), asked: new Map(), bytes: new Map(), counts: new Map() },
    };
    const done: (() => void)[] = [];
    const failed: ((error: unknown) => void)[] = [];
    for (const one of group)
      try {
        const answer = await addOne(draft, one);
        done.push(() => one.resolve(answer));
        failed.push(one.reject);
      } catch (error) {
        one.reject(error);
      }
    try {
      await store.commit(draft.operations);
    } catch (error) {
      const refusal = isDiskFull(error) ? new Refusal('disk-full', undefined, { cause: error }) : error;
      for (const reject of failed) reject(refusal);
      return;
    }
    for (const queued of draft.fresh) queues.keep(queued);
    for (const [key, number] of draft.numbers) numbers.set(key, number);
    for (const [key, value] of draft.asked)
      if (value) asked.set(key, value);
      else asked.delete(key);
    for (const resolve of done) resolve();
  }

  return {
    add: (app, sent) =>
      new Promise((resolve, reject) => {
        adding.push({ app, sent, resolve, reject });
        if (adding.length === 1) void inTurn(addAll).catch(() => {}); // each was told
      }),

    next(busy, most, may) {
      const taken = new Set(busy);
      const found: Queued[] = [];
      for (const [app, queue] of queues.apps()) {
        if (!may(app)) continue;
        for (const queued of queue.values()) {
          const lane = laneOf(queued);
          if (taken.has(lane)) continue;
          taken.add(lane);
          // Without its time it waits, and those behind it do.
          if (queued.datedAt !== null) found.push(queued);
        }
      }
      // The oldest of all first: no app comes before another for its name.
      return found.sort((a, b) => (a.place.slice(-16) < b.place.slice(-16) ? -1 : 1)).slice(0, most);
    },

    async body({ app, place, id }) {
      const read = check(Row, await rows.get(place));
      const key = await keys.find(app);
      return read.ok ? key?.unlock(Buffer.from(read.value.body, 'base64'), id) : undefined;
    },

    find: (app, id) => queues.of(app).get(id),

    async delivered(queued) {
      await store.commit([{ type: 'del', sublevel: rows, key: queued.place }]);
      queues.lose(queued);
    },

    async giveUp(queued, code) {
      const { app, id, place } = queued;
      if (!queues.of(app).has(id) || going.has(place)) return; // it is counted once
      going.add(place);
      try {
        await store.commit([{ type: 'del', sublevel: rows, key: place }, tallies.count(app, 'outgoing', code, 1)]);
        queues.lose(queued);
      } finally {
        going.delete(place);
      }
    },

    expired: (now) =>
      queues.all().filter(({ datedAt, lifeSeconds }) => datedAt !== null && datedAt + lifeSeconds * 1000 <= now),

    date: (now) =>
      inTurn(async () => {
        for (const queued of queues.all().filter(({ datedAt }) => datedAt === null)) {
          const isHere = (): boolean => queues.of(queued.app).has(queued.id);
          const read = check(Row, await rows.get(queued.place));
          if (!read.ok || !isHere()) continue;
          const value: Row = { ...read.value, datedAt: now };
          await store.commit([{ type: 'put', sublevel: rows, key: queued.place, value }]);
          if (isHere()) queues.keep({ ...queued, datedAt: now });
          else await store.commit([{ type: 'del', sublevel: rows, key: queued.place }]);
        }
      }),

    used: (app) => ({ waiting: queues.of(app).size, usedBytes: queues.bytesOf(app) }),

    forget: (app) =>
      inTurn(async () => {
        const range = { gte: `${app}!`, lt: `${app}"`, limit: forgetPage };
        for (const sublevel of [rows, once, streams])
          for (let page = await sublevel.keys(range).all(); page.length > 0; page = await sublevel.keys(range).all())
            await store.commit(page.map((key) => ({ type: 'del', sublevel, key })));
        queues.forget(app);
        for (const map of [numbers, asked])
          for (const key of map.keys()) if (key.startsWith(`${app}!`)) map.delete(key);
      }),
  };
}
