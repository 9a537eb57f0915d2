/**
 * What apps tell the owner: durable, shown in the console until dismissed, and so few a day that no app can bury what
 * another has to say.
 */
import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import { type NewNotification, Notification, type Notified } from '#contract/api.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export interface Notices {
  /** Durable when it resolves. What says the same again under the same key is not written twice. @throws Refusal `notifications-too-many` */
  add(app: string, wish: NewNotification): Promise<{ notification: Notified; isNew: boolean }>;
  /** The newest first. */
  list(): Notification[];
  /** @throws Refusal `not-found` */
  dismiss(id: string): Promise<void>;
  /** Those of them that are still as they were seen. */
  dismissAll(seen: readonly { id: string; at: number }[]): Promise<void>;
  /** The app is gone, and what it said. */
  forget(app: string): Promise<void>;
  /** Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

/** Of one app. */
export interface NoticeLimits {
  aDay: number;
  /** Beyond, the oldest goes. */
  kept: number;
}

const Row = Type.Object({ order: Type.Integer(), notification: Notification });
type Row = Static<typeof Row>;
const Count = Type.Object({ day: Type.Integer(), count: Type.Integer() });
type Count = Static<typeof Count>;

const dayMilliseconds = 86_400_000;

export async function createNotices({
  store,
  clock,
  limits: { aDay, kept } = { aDay: 20, kept: 50 },
}: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: Pick<Clock, 'now'>;
  limits?: NoticeLimits;
}): Promise<Notices> {
  const sublevel = store.db.sublevel<string, unknown>('notices', { valueEncoding: 'json' });
  const counters = store.db.sublevel<string, unknown>('notice-counts', { valueEncoding: 'json' });
  const rows = new Map<string, Row>();
  const counts = new Map<string, Count>();
  const listeners = new Set<() => void>();

  for (const value of await sublevel.values().all()) {
    const read = check(Row, value);
    if (read.ok) rows.set(read.value.notification.id, read.value);
  }
  for (const [app, value] of await counters.iterator().all()) {
    const read = check(Count, value);
    if (read.ok) counts.set(app, read.value);
  }
  /** Not by time: that may be set back. */
  let last = Math.max(0, ...[...rows.values()].map(({ order }) => order));

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  const of = (app: string): Row[] =>
    [...rows.values()].filter(({ notification }) => notification.app === app).sort((a, b) => a.order - b.order);
  const removal = ({ notification }: Row): Operation => ({ type: 'del', sublevel, key: notification.id });
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };

  async function remove(gone: readonly Row[], more: readonly Operation[] = []): Promise<void> {
    await store.commit([...gone.map(removal), ...more]);
    for (const { notification } of gone) rows.delete(notification.id);
    if (gone.length > 0) tell();
  }

  async function add(app: string, wish: NewNotification): Promise<{ notification: Notified; isNew: boolean }> {
    const { title, text, severity, key = null } = wish;
    const before = of(app);
    const same = before.find(({ notification }) => key !== null && notification.key === key);
    if (same) {
      const { id, at, ...said } = same.notification;
      if (said.title === title && said.text === text && said.severity === severity)
        return { notification: { id, at }, isNew: false };
    }
    const at = clock.now();
    const day = Math.floor(at / dayMilliseconds);
    const known = counts.get(app);
    const count = known?.day === day ? known.count : 0;
    if (count >= aDay) {
      const seconds = Math.ceil(((day + 1) * dayMilliseconds - at) / 1000);
      throw new Refusal('notifications-too-many', undefined, { headers: { 'retry-after': String(seconds) } });
    }
    const id = same?.notification.id ?? randomBytes(8).toString('hex');
    const row: Row = { order: last + 1, notification: { id, app, at, title, text, severity, key } };
    const over = before.filter((one) => one !== same).slice(0, Math.max(0, before.length - (same ? 1 : 0) + 1 - kept));
    const counted: Count = { day, count: count + 1 };
    await store.commit([
      ...over.map(removal),
      { type: 'put', sublevel, key: id, value: row },
      { type: 'put', sublevel: counters, key: app, value: counted },
    ]);
    last = row.order;
    for (const { notification } of over) rows.delete(notification.id);
    rows.set(id, row);
    counts.set(app, counted);
    tell();
    return { notification: { id, at }, isNew: same === undefined };
  }

  return {
    add: (app, wish) => inTurn(() => add(app, wish)),
    list: () => [...rows.values()].sort((a, b) => b.order - a.order).map(({ notification }) => ({ ...notification })),
    dismiss: (id) =>
      inTurn(async () => {
        const row = rows.get(id);
        if (!row) throw new Refusal('not-found');
        await remove([row]);
      }),
    dismissAll: (seen) =>
      inTurn(async () => {
        const gone = new Set<Row>();
        for (const { id, at } of seen) {
          const row = rows.get(id);
          if (row?.notification.at === at) gone.add(row);
        }
        if (gone.size > 0) await remove([...gone]);
      }),
    forget: (app) =>
      inTurn(async () => {
        await remove(of(app), [{ type: 'del', sublevel: counters, key: app }]);
        counts.delete(app);
      }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
