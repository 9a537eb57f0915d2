/**
 * What waits for leases: the update of an app, before it touches the app, and a restart of the box.
 *
 * Invariants: what waits goes ahead after `longestHoldSeconds`, however often leases are extended. Once the way is free it
 * is closed behind that look, in one turn: no lease is taken that would not be kept.
 */
import type { Clock } from '#common/clock.js';
import { type Lease, longestHoldSeconds, updateNoticeSeconds } from '#contract/leases.js';
import { Refusal } from '#contract/problems.js';
import type { Ledger, OwnerSigner } from '../consent/ledger.js';
import { type Book, type LeaseRow, type Target, targetOf, type Wait } from './book.js';
import { countdown } from './countdown.js';

export interface HeldUpdate {
  version: string;
  since: number;
  /** When it goes ahead at the latest, as things are. */
  until: number;
}

/** For who updates and stops apps. */
export interface UpdateHolds {
  /**
   * Resolves when the update may begin, with whether it had to wait for leases, and with the app closed for leases until `swap` has ended, or `reopen`. An app that
   * listens hears of it before, and has `updateNoticeSeconds` to take a lease.
   */
  pass(wish: { app: string; release: string; version: string; signal: AbortSignal }): Promise<boolean>;
  reopen(app: string): void;
  /** The app that ran is gone, and its leases; what comes in its place may take its own. */
  swap<T>(app: string, work: () => Promise<T>): Promise<T>;
  /** The app was stopped: it holds nothing any more. */
  end(app: string): Promise<void>;
  /** The update has come to its end; or the app is gone: nothing waits. */
  done(app: string): Promise<void>;
  /** The owner's word that it waits no longer. @throws Refusal `update-not-held` */
  now(app: string, signer: OwnerSigner): Promise<void>;
  /** The update that waits for this app's leases. */
  held(app: string): HeldUpdate | undefined;
  leases(app: string): Lease[];
  /** Told of the app of which something is new; null: of all. Answers the way to end it. */
  onChange(listener: (app: string | null) => void): () => void;
}

/** For who restarts the box. */
export interface RebootHolds {
  /**
   * Whether the box may be restarted now. If not: for whom, and after how many seconds it may at the latest, counted from
   * the first time this was asked for that subject. If it may, no lease on it is taken any more until `end`.
   */
  ask(subject: string): Promise<{ free: boolean; secondsLeft: number; leases: { app: string; lease: Lease }[] }>;
  /** The restart has been, or will not be. */
  end(): Promise<void>;
}

export interface Gate {
  updates: UpdateHolds;
  reboot: RebootHolds;
  isClosed(app: string, target: Target): boolean;
  /** As apps, owner and provider see it. */
  show(row: LeaseRow): Lease;
}

export function createGate(wish: {
  book: Book;
  ledger: Pick<Ledger, 'decide'>;
  clock: Clock;
  /** Tells the app; answers whether it listens. */
  announce: (app: string, update: { version: string; seconds: number }) => boolean;
}): Gate {
  const { book, ledger, clock } = wish;
  /** What waits now, or has just passed. */
  const active = new Map<Target, { subject: string; version: string }>();
  const closed = new Set<Target>();
  const swapping = new Set<string>();

  const updateOf = (app: string): Target => targetOf(app, 'update');
  const holding = (target: Target): LeaseRow[] =>
    book.leases().filter(({ app, hold }) => targetOf(app, hold) === target);

  /** Of what waits now: an old one of another subject does not count. */
  function waitOf(target: Target): Wait | undefined {
    const wait = book.wait(target);
    return wait && wait.subject === active.get(target)?.subject ? wait : undefined;
  }

  function leftOf(row: LeaseRow): number {
    const wait = waitOf(targetOf(row.app, row.hold));
    return wait ? Math.min(book.left(row), wait.now ? 0 : book.left(wait)) : book.left(row);
  }

  function show(row: LeaseRow): Lease {
    const { id, hold, reason, takenAt } = row;
    const left = leftOf(row);
    return { id, hold, reason, takenAt, until: clock.now() + Math.round(left), secondsLeft: Math.ceil(left / 1000) };
  }

  /** In one turn: looks whether it is free, and closes it, or begins the wait. */
  const tryPass = (target: Target, subject: string): Promise<boolean> =>
    book.inTurn(async () => {
      const holds = holding(target).some((row) => leftOf(row) > 0);
      if (holds && !waitOf(target)) {
        const ends = countdown(longestHoldSeconds * 1000, book.tick());
        await book.putWait({ target, subject, since: clock.now(), now: false, ends });
      }
      if (!holds) closed.add(target);
      return !holds;
    });

  const dropAll = (app: string): Promise<void> =>
    book.inTurn(() => book.drop(book.leases().filter((row) => row.app === app)));

  const updates: UpdateHolds = {
    async pass({ app, release, version, signal }) {
      const target = updateOf(app);
      active.set(target, { subject: release, version });
      try {
        if (!waitOf(target) && wish.announce(app, { version, seconds: updateNoticeSeconds }))
          await clock.sleep(updateNoticeSeconds * 1000, signal);
        for (;;) {
          signal.throwIfAborted();
          const seen = book.version();
          if (await tryPass(target, release)) return waitOf(target) !== undefined;
          await book.changedSince(seen, signal);
        }
      } finally {
        active.delete(target);
        book.tell(app);
      }
    },
    reopen: (app) => void closed.delete(updateOf(app)),
    async swap(app, work) {
      swapping.add(app);
      try {
        await dropAll(app);
        return await work();
      } finally {
        swapping.delete(app);
        closed.delete(updateOf(app));
      }
    },
    end: dropAll,
    done: (app) => book.inTurn(() => book.endWait(updateOf(app))),
    now: (app, signer) =>
      book.inTurn(async () => {
        const target = updateOf(app);
        const wait = waitOf(target);
        const update = active.get(target);
        if (!wait || wait.now || !update) throw new Refusal('update-not-held', app);
        const facts = { app, release: update.subject, version: update.version };
        await book.putWait({ ...wait, now: true }, (operations) =>
          ledger.decide(() => ({ decisions: [{ by: 'owner', type: 'app.update-now', facts }], operations }), signer),
        );
      }),
    held(app) {
      const target = updateOf(app);
      const wait = waitOf(target);
      const update = active.get(target);
      if (!wait || !update) return undefined;
      const left = Math.max(0, ...holding(target).map(leftOf));
      return { version: update.version, since: wait.since, until: clock.now() + Math.round(left) };
    },
    leases: (app) =>
      book
        .leases()
        .filter((row) => row.app === app)
        .map(show),
    onChange: book.onChange,
  };

  return {
    updates,
    reboot: {
      async ask(subject) {
        active.set('reboot', { subject, version: '' });
        const free = await tryPass('reboot', subject);
        const leases = free ? [] : holding('reboot').map((row) => ({ app: row.app, lease: show(row) }));
        return { free, secondsLeft: Math.max(0, ...leases.map(({ lease }) => lease.secondsLeft)), leases };
      },
      end: () =>
        book.inTurn(async () => {
          active.delete('reboot');
          closed.delete('reboot');
          await book.endWait('reboot');
        }),
    },
    isClosed: (app, target) => closed.has(target) || swapping.has(app),
    show,
  };
}
