/**
 * Messages for apps, on disk until the app has deleted them.
 *
 * Invariants: a message and the memory of its id stand in one synced batch, and only behind it is the provider told. An id
 * is forgotten when its message has surely expired, or as the oldest of too many; what expired no later, or is as old, is
 * then not taken any more, whatever the clock says. So nothing is taken twice.
 */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { type MemberMessage, MessageId, MessageName } from '#contract/messages.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { AppKeys } from './app-keys.js';
import { createHeld } from './held.js';
import type { MessageLimits } from './limits.js';
import { rowBytes } from './queue.js';
import type { Tallies } from './tallies.js';

const Row = Type.Object(
  {
    id: MessageId,
    name: MessageName,
    at: Type.Integer(),
    receivedAt: Type.Integer(),
    expiresAt: Type.Integer(),
    contentType: Type.String(),
    bytes: Type.Integer(),
    /** Locked with the app's key, in base64. */
    body: Type.String(),
  },
  { additionalProperties: true },
);
type Row = Static<typeof Row>;
const Seen = Type.Object({ at: Type.Integer(), expiresAt: Type.Integer() });
type Seen = Static<typeof Seen>;
/** What was sent no later than `at`, or expires no later than `expiresAt`, is not taken: its id may be forgotten. */
const Floor = Type.Object({ at: Type.Integer(), expiresAt: Type.Integer() });
type Floor = Static<typeof Floor>;
const noFloor: Floor = { at: -1, expiresAt: -1 };

export interface Received extends Omit<Row, 'body'> {
  app: string;
  place: string;
}

export interface Inbox {
  /** Whether it was taken before. @throws Refusal `message-replayed` for one that is too old to tell */
  knows(app: string, message: Pick<MemberMessage, 'id' | 'at' | 'expiresAt'>): boolean;
  /** Durable when it resolves; one that is known is not taken again. @throws Refusal `inbox-full`, `message-replayed` */
  take(app: string, message: MemberMessage, body: Buffer): Promise<void>;
  /** Oldest first. */
  list(app: string, range: { after: string; limit: number }): Promise<{ received: Received; body: Buffer }[]>;
  /** @throws Refusal `message-unknown` */
  remove(app: string, id: string): Promise<void>;
  expire(now: number): Promise<Received[]>;
  used(app: string): { waiting: number; usedBytes: number };
  forget(app: string): Promise<void>;
}

/** Two clocks that are right differ by less (common/messages/seal.ts). */
const skewMilliseconds = 600_000;
const forgetPage = 200;

export const orderOf = ({ place }: Received): string => place.slice(-16);

export async function openInbox({
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
}): Promise<Inbox> {
  const json = { valueEncoding: 'json' } as const;
  const rows = store.db.sublevel<string, unknown>('message-inbox', json);
  const seenOnDisk = store.db.sublevel<string, unknown>('message-seen', json);
  const floorsOnDisk = store.db.sublevel<string, unknown>('message-floors', json);
  const inboxes = createHeld<Received>();
  const seen = new Map<string, Map<string, Seen>>();
  const floors = new Map<string, Floor>();
  let order = 0;

  const seenIn = (app: string): Map<string, Seen> => {
    const known = seen.get(app) ?? new Map<string, Seen>();
    seen.set(app, known);
    return known;
  };

  for await (const [place, value] of rows.iterator()) {
    const [app = '', number = '0'] = place.split('!');
    order = Math.max(order, Number(number));
    const read = check(Row, value);
    if (!read.ok) continue;
    const { body: _, ...row } = read.value;
    inboxes.keep({ ...row, app, place });
  }
  for await (const [key, value] of seenOnDisk.iterator()) {
    const [app = '', id = ''] = key.split('!');
    const read = check(Seen, value);
    if (read.ok) seenIn(app).set(id, read.value);
  }
  for await (const [app, value] of floorsOnDisk.iterator()) {
    const read = check(Floor, value);
    if (read.ok) floors.set(app, read.value);
  }

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const floorOf = (app: string): Floor => floors.get(app) ?? noFloor;

  function knows(app: string, { id, at, expiresAt }: Pick<MemberMessage, 'id' | 'at' | 'expiresAt'>): boolean {
    if (seen.get(app)?.has(id)) return true;
    const floor = floorOf(app);
    if (at <= floor.at || expiresAt <= floor.expiresAt)
      throw new Refusal('message-replayed', 'it is older than what is remembered');
    return false;
  }

  /** Ids that need not be remembered any more, and what is not taken from then on. */
  function forgettable(app: string): { ids: string[]; floor: Floor } {
    const own = [...seenIn(app)].sort(([, a], [, b]) => a.at - b.at);
    const now = clock.trusted() ? clock.now() : 0;
    const over = own.slice(0, Math.max(0, own.length + 1 - limits.seenOfApp));
    const past = own.filter(([, { expiresAt }]) => expiresAt + skewMilliseconds <= now);
    const before = floorOf(app);
    const floor = {
      at: Math.max(before.at, over.at(-1)?.[1].at ?? before.at),
      expiresAt: past.reduce((latest, [, { expiresAt }]) => Math.max(latest, expiresAt), before.expiresAt),
    };
    return { ids: [...new Set([...over, ...past].map(([id]) => id))], floor };
  }

  async function take(app: string, message: MemberMessage, plain: Buffer): Promise<void> {
    if (knows(app, message)) return;
    const bytes = plain.length + rowBytes;
    const { size } = inboxes.of(app);
    if (
      inboxes.bytesOf(app) + bytes > limits.bytesOfApp ||
      inboxes.totalBytes() + bytes > limits.bytes ||
      size >= limits.countOfApp
    )
      throw new Refusal('inbox-full');
    const { id, name, at, expiresAt, contentType } = message;
    const { lock } = await keys.of(app);
    const body = lock(plain, id).toString('base64');
    const row: Row = { id, name, at, receivedAt: clock.now(), expiresAt, contentType, bytes, body };
    const place = `${app}!${String(order + 1).padStart(16, '0')}`;
    const { ids, floor } = forgettable(app);
    await store.commit([
      { type: 'put', sublevel: rows, key: place, value: row },
      { type: 'put', sublevel: seenOnDisk, key: `${app}!${id}`, value: { at, expiresAt } },
      ...ids.map((gone): Operation => ({ type: 'del', sublevel: seenOnDisk, key: `${app}!${gone}` })),
      ...(ids.length === 0 ? [] : [{ type: 'put', sublevel: floorsOnDisk, key: app, value: floor } as const]),
    ]);
    order += 1;
    const known = seenIn(app);
    for (const gone of ids) known.delete(gone);
    known.set(id, { at, expiresAt });
    if (ids.length > 0) floors.set(app, floor);
    const { body: _, ...rest } = row;
    inboxes.keep({ ...rest, app, place });
  }

  async function drop(received: Received, code: 'message-expired' | 'message-unreadable'): Promise<void> {
    if (!inboxes.of(received.app).has(received.id)) return;
    await store.commit([
      { type: 'del', sublevel: rows, key: received.place },
      tallies.count(received.app, 'incoming', code, 1),
    ]);
    inboxes.lose(received);
  }

  return {
    knows,
    take: (app, message, body) => inTurn(() => take(app, message, body)),

    async list(app, { after, limit }) {
      const page = [...inboxes.of(app).values()].filter((one) => orderOf(one) > after).slice(0, limit);
      const key = await keys.find(app);
      const found: { received: Received; body: Buffer }[] = [];
      for (const received of page) {
        const read = check(Row, await rows.get(received.place));
        const body = read.ok ? key?.unlock(Buffer.from(read.value.body, 'base64'), received.id) : undefined;
        if (body) found.push({ received, body });
        else await inTurn(() => drop(received, 'message-unreadable')); // a damaged disk; or it was deleted meanwhile
      }
      return found;
    },

    remove: (app, id) =>
      inTurn(async () => {
        const received = inboxes.of(app).get(id);
        if (!received) throw new Refusal('message-unknown');
        await store.commit([{ type: 'del', sublevel: rows, key: received.place }]);
        inboxes.lose(received);
      }),

    expire: (now) =>
      inTurn(async () => {
        const over = inboxes.all().filter(({ expiresAt }) => expiresAt <= now);
        for (const received of over) await drop(received, 'message-expired');
        return over;
      }),

    used: (app) => ({ waiting: inboxes.of(app).size, usedBytes: inboxes.bytesOf(app) }),

    forget: (app) =>
      inTurn(async () => {
        const range = { gte: `${app}!`, lt: `${app}"`, limit: forgetPage };
        for (const sublevel of [rows, seenOnDisk])
          for (let page = await sublevel.keys(range).all(); page.length > 0; page = await sublevel.keys(range).all())
            await store.commit(page.map((key) => ({ type: 'del', sublevel, key })));
        await store.commit([{ type: 'del', sublevel: floorsOnDisk, key: app }]);
        inboxes.forget(app);
        seen.delete(app);
        floors.delete(app);
      }),
  };
}
