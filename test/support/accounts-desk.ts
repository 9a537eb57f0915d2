/** A territory's store with agreements and statements as boxes have told them, and its months. */
import type { Agreement } from '#contract/agreements.js';
import { agreedPlan } from '#contract/plan-digest.js';
import type { Price } from '#contract/plans.js';
import { createAccounts } from '../../provisioning/accounts/accounts.js';
import type { AgreementRecord, UsageRecord } from '../../provisioning/store/agreements.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { createManualClock } from './manual-clock.js';
import { planOf } from './terms-box.js';

const hex = (letter: string): string => letter.repeat(64);
export const boxOf = (number: number): string => `box-${String(number).padStart(12, '0')}`;
export const agreementId = (number: number): string => `agreement-${String(number).padStart(20, '0')}`;

export interface Told {
  /** Of the agreement. */
  number: number;
  box: string;
  prices: Price[];
  app?: string;
  member?: string;
  trialDays?: number;
  since: number | null;
  at?: number;
  ended?: number | null;
}

export function recordOf(told: Told): AgreementRecord {
  const { number, box, prices, app = 'acme.visits', member = 'acme', trialDays, since } = told;
  const plan = agreedPlan(planOf({ prices, ...(trialDays === undefined ? {} : { trialDays }) }));
  const at = told.at ?? since ?? 0;
  const agreement: Agreement = {
    ...{ id: agreementId(number), app, release: hex('a'), version: '1.0.0', member, territory: 'north', plan },
    ...{ digest: hex('b'), language: 'en', class: { is: 'natural-person', by: 'stated' }, replaces: null, at, box },
  };
  const ended =
    told.ended === undefined || told.ended === null ? null : { at: told.ended, why: 'left' as const, end: null };
  return { agreement, jws: '', sha256: hex('c'), since, ended, receivedAt: 0 };
}

export interface Used {
  /** Of the agreement. */
  number: number;
  /** Of the statement, from 1. */
  statement: number;
  period: string;
  box: string;
  quantities: Record<string, string>;
}

function usageOf({ number, statement, period, box, quantities }: Used): UsageRecord {
  return {
    statement: {
      ...{ agreement: agreementId(number), box, app: 'acme.visits', member: 'acme', number: statement, previous: null },
      ...{ period, from: 1, to: 1, before: null, head: hex('1'), at: 0 },
      sums: Object.entries(quantities).map(([unit, quantity]) => ({ unit, quantity, trial: '7' })),
    },
    ...{ jws: '', sha256: hex('d'), receivedAt: 0 },
  };
}

/** @param commit what the store's commit goes through */
export async function openAccountsDesk(
  folder: string,
  now: number,
  commit: (store: Store) => Store['commit'] = (store) => store.commit,
) {
  const store = await openStore(folder);
  const clock = createManualClock(now);
  const levels = new Map<string, number>();
  const accounts = createAccounts({
    store: { ...store, commit: commit(store) },
    clock,
    levelOf: (_territory, member) => levels.get(member) ?? 1,
  });
  return {
    ...{ store, clock, accounts, levels },
    setTime: (to: number): void => clock.advance(to - clock.now()),
    async tell(...all: Told[]): Promise<void> {
      await store.commit(
        all.flatMap((told) => [
          { type: 'put' as const, sublevel: store.agreements, key: agreementId(told.number), value: recordOf(told) },
          {
            type: 'put' as const,
            sublevel: store.boxAgreements,
            key: `${told.box}!${agreementId(told.number)}`,
            value: 0,
          },
        ]),
      );
    },
    async use(...all: Used[]): Promise<void> {
      await store.commit(
        all.flatMap((used) => {
          const id = agreementId(used.number);
          const key = `${id}!${String(used.statement).padStart(10, '0')}`;
          return [
            { type: 'put' as const, sublevel: store.usage, key, value: usageOf(used) },
            { type: 'put' as const, sublevel: store.usageHeads, key: id, value: key },
          ];
        }),
      );
    },
  };
}
export type AccountsDesk = Awaited<ReturnType<typeof openAccountsDesk>>;
