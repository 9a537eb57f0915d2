/**
 * What apps count under an agreement. Nothing is counted but in the units that the owner agreed to, and nothing beyond
 * the owner's cap. An entry, its key and the sums go to the disk in one synced batch, which many calls share; a call is
 * answered once it is there, so one that is sent again with its key is counted once.
 *
 * A key is remembered as long as its entry is kept: 35 days, and until the provider has the statement of its month; also
 * where another agreement has replaced the one that it came under. When
 * that is more than the box keeps, it counts nothing more rather than forget a key.
 */
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import { createRounds } from '#common/rounds.js';
import {
  endOfPeriod,
  keptDays,
  mostEntries,
  type NewUsage,
  periodOf,
  type StatementsTaken,
  type StatementsTold,
  type UsageEntry,
  type UsageSum,
  type UsageView,
} from '#contract/metering.js';
import type { AgreedPlan } from '#contract/plans.js';
import { unitsOf } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import type { Ledger, OwnerSigner } from '../consent/ledger.js';
import type { Under } from '../terms/terms.js';
import { keepAnswers } from './answers.js';
import { type CountRow, openUsage, type StatementRow } from './book.js';
import { costOf, countOne, momentOf, newCount } from './count.js';
import { createStatementCourier, type Signing, seal } from './statements.js';

export interface Metering {
  /** @throws Refusal `metering-…`, `disk-full` */
  count(app: string, usage: NewUsage, key: string): Promise<{ entry: UsageEntry; isNew: boolean }>;
  /** @throws Refusal `metering-not-agreed` */
  view(app: string): UsageView;
  /** Months of an agreement that were summed up and not refused, and the one that is being counted, each with its sums. */
  months(agreement: string): Promise<{ period: string; sums: UsageSum[] }[]>;
  /** That are kept, of the agreement that holds. @throws Refusal `metering-not-agreed` */
  entries(app: string, after: number, limit: number): Promise<UsageEntry[]>;
  /** What a month may come to, of what is counted; null: anything. */
  setCap(app: string, amount: string | null, signer: OwnerSigner): Promise<void>;
  start(): void;
  wake(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface MeteringParts {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide'>;
  clock: Clock;
  isTimeKnown(): boolean;
  onTime(listener: () => void): () => void;
  /** The agreement about the app that holds. */
  under(app: string): Under | undefined;
  /** Whether the provider has been told of this agreement: of what it does not know it takes no statement. */
  isTold(agreement: string): boolean;
  box(): string | undefined;
  signing(): Promise<Signing | undefined>;
  tell(told: StatementsTold): Promise<StatementsTaken>;
  onRefused(refusal: Refusal): void;
}

interface Waiting {
  app: string;
  usage: NewUsage;
  key: string;
  resolve(counted: { entry: UsageEntry; isNew: boolean }): void;
  reject(error: unknown): void;
}

/** In one batch. */
const mostTogether = 500;
/** In one batch, of what need not be kept any more. */
const mostDropped = 2000;
const day = 86_400_000;

const firstRow = (under: Under): CountRow => ({ ...newCount(under), toldTo: 0 });
const hasUnits = (plan: AgreedPlan): boolean => unitsOf(plan).length > 0;

export async function createMetering(parts: MeteringParts): Promise<Metering> {
  const { store, ledger, clock, isTimeKnown, under, onRefused } = parts;
  const usage = await openUsage({ db: store.db });
  const courier = createStatementCourier({
    ...parts,
    usage,
    keep: (answers) => inTurn(() => keepAnswers({ store, ledger, usage }, answers)),
  });
  const rounds = createRounds({
    ...{ clock, onRefused },
    async work() {
      await inTurn(sealAll);
      for (const { agreement } of usage.counts()) while (await inTurn(() => drop(agreement)));
    },
    moments: () => usage.counts().flatMap(({ period }) => (period === null ? [] : [endOfPeriod(period)])),
  });
  let waiting: Waiting[] = [];
  let isScheduled = false;
  let turn: Promise<unknown> = Promise.resolve();
  let endWatching = (): void => {};

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  /** @throws Refusal `metering-not-agreed` */
  function counted(app: string, found: Under | undefined): Under {
    if (!found || !hasUnits(found.plan)) throw new Refusal('metering-not-agreed', app);
    return found;
  }
  const known = (app: string): Under => counted(app, under(app));

  async function group(): Promise<void> {
    await new Promise(setImmediate); // the calls of this turn of the event loop share it
    isScheduled = false;
    const all = waiting.slice(0, mostTogether);
    waiting = waiting.slice(mostTogether);
    if (waiting.length > 0) schedule();
    try {
      await countTogether(all);
    } catch (error) {
      for (const { reject } of all) reject(error);
    }
  }

  /**
   * One batch: each is judged on top of those before it. All of it is of one moment, and so are the agreements: what the
   * owner does meanwhile comes behind.
   */
  async function countTogether(all: readonly Waiting[]): Promise<void> {
    const now = clock.now();
    const asked = all.map((wish) => ({ wish, its: under(wish.app) }));
    const before = await usage.known(
      asked.map(({ wish: { key }, its }) => ({ agreements: its ? [its.agreement, ...its.earlier] : [], key })),
    );
    const counts = new Map<string, CountRow>();
    const fresh = new Map<string, UsageEntry>();
    const sealed: StatementRow[] = [];
    const settle: (() => void)[] = [];
    for (const [at, { wish, its: found }] of asked.entries())
      try {
        const its = counted(wish.app, found);
        const place = `${its.agreement}!${wish.key}`;
        const same = fresh.get(place) ?? before[at];
        if (same) {
          if (same.unit !== wish.usage.unit || same.quantity !== wish.usage.quantity)
            throw new Refusal('idempotency-key-reused', wish.key);
          settle.push(() => wish.resolve({ entry: same, isNew: false }));
          continue;
        }
        const row = counts.get(its.agreement) ?? usage.count(its.agreement) ?? firstRow(its);
        const { count, entry } = one(row, its, { wish, now, sealed });
        counts.set(its.agreement, count);
        fresh.set(place, entry);
        settle.push(() => wish.resolve({ entry, isNew: true }));
      } catch (error) {
        settle.push(() => wish.reject(error));
      }
    await store.commit([
      ...[...fresh.values()].flatMap(usage.putEntry),
      ...[...counts.values()].map(usage.putCount),
      ...sealed.map(usage.putStatement),
    ]);
    const isNewMonth = [...counts.values()].some((one) => usage.count(one.agreement)?.period !== one.period);
    usage.apply({ counts: counts.values(), statements: sealed });
    for (const answer of settle) answer();
    if (sealed.length > 0) courier.wake();
    if (isNewMonth) rounds.wake();
  }

  function one(
    row: CountRow,
    its: Under,
    { wish: { app, usage: wish, key }, now, sealed }: { wish: Waiting; now: number; sealed: StatementRow[] },
  ) {
    if (row.entry - row.oldest + 1 >= mostEntries) throw new Refusal('metering-full', app);
    const made = row.period !== null && periodOf(momentOf(row, now)) > row.period ? seal(row, now) : undefined;
    const { count, entry } = countOne(made?.count ?? row, its, { ...wish, key }, { now, cap: usage.cap(app) });
    if (made) sealed.push(made.row);
    return { count: { ...count, toldTo: row.toldTo }, entry };
  }

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    void inTurn(group);
  }

  /** Months that are over. */
  async function sealAll(): Promise<void> {
    if (!isTimeKnown()) return;
    const now = clock.now();
    const made = usage
      .counts()
      .filter(({ period }) => period !== null && endOfPeriod(period) <= now)
      .flatMap((count) => seal(count, now) ?? []);
    if (made.length === 0) return;
    const rows = made.map(({ row }) => row);
    const counts = made.map(({ count }) => count);
    await store.commit([...rows.map(usage.putStatement), ...counts.map(usage.putCount)]);
    usage.apply({ statements: rows, counts });
    courier.wake();
  }

  /** What is old enough, and known to the provider. Answers whether there may be more of it. */
  async function drop(agreement: string): Promise<boolean> {
    const count = usage.count(agreement);
    if (!count || !isTimeKnown()) return false;
    const until = clock.now() - keptDays * day;
    const kept = await usage.entries(agreement, count.oldest - 1, mostDropped);
    // Of a box that it was in another territory nobody takes a statement any more.
    const summedUp = count.period === null ? count.entry : count.from - 1;
    const mine = parts.box(); // not known just behind a start
    const done = mine === undefined || mine === count.box ? count.toldTo : summedUp;
    const end = kept.findIndex(({ entry, at }) => entry > done || at >= until);
    const spent = end === -1 ? kept : kept.slice(0, end);
    const last = spent.at(-1);
    if (!last) return false;
    const next = { ...count, oldest: last.entry + 1 };
    await store.commit([...spent.flatMap(usage.dropEntry), usage.putCount(next)]);
    usage.apply({ counts: [next] });
    return spent.length === mostDropped;
  }

  return {
    count: (app, wish, key) =>
      new Promise((resolve, reject) => {
        waiting.push({ app, usage: wish, key, resolve, reject });
        schedule();
      }),
    view(app) {
      const { agreement, plan } = known(app);
      const now = clock.now();
      const row = usage.count(agreement);
      const period = periodOf(row ? momentOf(row, now) : now);
      const isThis = row?.period === period;
      const sums = isThis ? row.sums : [];
      const currency = plan.prices[0]?.currency;
      return {
        ...{ agreement, units: unitsOf(plan), period, sums, cap: usage.cap(app) },
        entries: isThis ? row.entry - row.from + 1 : 0,
        cost: currency === undefined ? null : { amount: costOf(sums, plan), currency },
      };
    },
    async months(agreement) {
      const stated = (await usage.statementsOf(agreement)).filter(({ refused }) => refused === null);
      const now = usage.count(agreement);
      return [
        ...stated.map(({ statement: { period, sums } }) => ({ period, sums })),
        ...(now && now.period !== null ? [{ period: now.period, sums: now.sums }] : []),
      ];
    },
    entries: (app, after, limit) => usage.entries(known(app).agreement, after, limit),
    async setCap(app, amount, signer) {
      known(app);
      await ledger.decide(
        () => ({
          decisions: [{ by: 'owner', type: 'terms.cap', facts: { app, amount: amount ?? 'none' } }],
          operations: [usage.putCap(app, amount)],
        }),
        signer,
      );
      usage.apply({ cap: [app, amount] });
    },
    start() {
      endWatching = parts.onTime(rounds.wake);
      rounds.start();
      courier.wake();
    },
    wake: courier.wake,
    async idle() {
      await turn;
      await courier.idle();
    },
    async stop() {
      endWatching();
      await rounds.stop();
      await courier.stop();
      await turn;
    },
  };
}
