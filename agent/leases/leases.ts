/** What an app does with leases: takes, lists, extends, gives up. */
import { randomBytes } from 'node:crypto';
import type { Hold, Lease, NewLease } from '#contract/leases.js';
import { mostLeases } from '#contract/leases.js';
import { Refusal } from '#contract/problems.js';
import { type Book, type LeaseRow, targetOf } from './book.js';
import { countdown } from './countdown.js';
import type { Gate } from './gate.js';

export interface Leases {
  /**
   * Durable when it resolves. The same key answers with the same lease, as long as it lasts.
   * @throws Refusal `leases-too-many`, `lease-late`, `idempotency-key-reused`
   */
  take(app: string, wish: NewLease, key?: string): Promise<{ lease: Lease; isNew: boolean }>;
  list(app: string): Lease[];
  /** It ends so long from now. @throws Refusal `lease-unknown`, `lease-late` */
  extend(app: string, id: string, seconds: number): Promise<Lease>;
  /** @throws Refusal `lease-unknown` */
  release(app: string, id: string): Promise<void>;
  /** Of all apps. */
  all(): { app: string; lease: Lease }[];
  onChange(listener: (app: string | null) => void): () => void;
}

export function createLeases({ book, gate, clock }: { book: Book; gate: Gate; clock: { now(): number } }): Leases {
  const of = (app: string): LeaseRow[] => book.leases().filter((row) => row.app === app);

  function known(app: string, id: string): LeaseRow {
    const row = of(app).find((one) => one.id === id);
    if (!row) throw new Refusal('lease-unknown', id);
    return row;
  }

  function checkOpen(app: string, hold: Hold): void {
    if (gate.isClosed(app, targetOf(app, hold))) throw new Refusal('lease-late');
  }

  return {
    take: (app, { hold, reason, seconds }, key) =>
      book.inTurn(async () => {
        const mine = of(app);
        const same = key === undefined ? undefined : mine.find((row) => row.key === key);
        if (same) {
          if (same.hold !== hold || same.reason !== reason || same.seconds !== seconds)
            throw new Refusal('idempotency-key-reused');
          return { lease: gate.show(same), isNew: false };
        }
        checkOpen(app, hold);
        if (mine.length >= mostLeases) throw new Refusal('leases-too-many', `${mostLeases}`);
        const row: LeaseRow = {
          id: randomBytes(8).toString('hex'),
          ...{ app, hold, reason, seconds },
          takenAt: clock.now(),
          key: key ?? null,
          ends: countdown(seconds * 1000, book.tick()),
        };
        await book.putLease(row);
        return { lease: gate.show(row), isNew: true };
      }),
    list: (app) => of(app).map(gate.show),
    extend: (app, id, seconds) =>
      book.inTurn(async () => {
        const before = known(app, id);
        checkOpen(app, before.hold);
        const row = { ...before, ends: countdown(seconds * 1000, book.tick()) };
        await book.putLease(row);
        return gate.show(row);
      }),
    release: (app, id) => book.inTurn(async () => book.drop([known(app, id)])),
    all: () => book.leases().map((row) => ({ app: row.app, lease: gate.show(row) })),
    onChange: book.onChange,
  };
}
