/**
 * Months that close by themselves, so many days after their end, where the territory has set that. Which month is next is
 * what stands in the store, and closing is asked again where it was cut: whoever serves the territory next, as a standby that
 * has taken over, goes on, and closes nothing twice.
 */

import { monthBefore, nextMonth } from '#common/accounts/days.js';
import type { Clock } from '#common/clock.js';
import { createRounds } from '#common/rounds.js';
import type { Closing, NextMonth } from '#contract/accounts.js';
import { endOfPeriod, periodOf } from '#contract/metering.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import type { Accounts } from './accounts.js';

export interface MonthClosing {
  /** The one that is to be closed next. */
  next(): Promise<NextMonth>;
  /** From now on; also for months that are over. */
  set(closing: Closing): Promise<Closing>;
  /** Told why a month that is due could not be closed; it is tried again. */
  start(onRefused: (refusal: Refusal) => void): void;
  stop(): Promise<void>;
}

const day = 86_400_000;
const never: Closing = { afterDays: null };

export function createMonthClosing({
  store,
  clock,
  accounts,
}: {
  store: Pick<Store, 'accountMonths' | 'accountClosing' | 'commit'>;
  clock: Clock;
  accounts: Pick<Accounts, 'close'>;
}): MonthClosing {
  let dueAt: number | null = null;
  let say = (_refusal: Refusal): void => {};
  const rounds = createRounds({
    clock,
    onRefused: (refusal) => say(refusal),
    async work() {
      for (;;) {
        const { month, closesAt } = await next();
        dueAt = closesAt;
        if (closesAt === null || closesAt > clock.now()) return;
        await accounts.close(month).catch((error: unknown) => {
          // An operator was faster.
          if (!(error instanceof Refusal) || error.code !== 'month-not-next') throw error;
        });
      }
    },
    moments: () => (dueAt === null ? [] : [dueAt]),
  });

  const set = async (): Promise<Closing> => (await store.accountClosing.get('now')) ?? never;

  async function next(): Promise<NextMonth> {
    const { afterDays } = await set();
    let last: { month: string; state: string } | undefined;
    for await (const record of store.accountMonths.values({ reverse: true, limit: 1 })) last = record;
    const now = clock.now();
    const month = !last ? monthBefore(periodOf(now), 1) : last.state === 'closing' ? last.month : nextMonth(last.month);
    const isOver = endOfPeriod(month) <= now;
    // The first month is closed by somebody: from when on it is reckoned is not for a clock to say.
    const closesAt = afterDays === null || !last ? null : endOfPeriod(month) + afterDays * day;
    return { month, isOver, isBegun: last?.state === 'closing', afterDays, closesAt };
  }

  return {
    next,
    async set(closing) {
      await store.commit([{ type: 'put', sublevel: store.accountClosing, key: 'now', value: closing }]);
      rounds.wake();
      return closing;
    },
    start(onRefused) {
      say = onRefused;
      rounds.start();
    },
    stop: rounds.stop,
  };
}
