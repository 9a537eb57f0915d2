/** What is due to members for closed months, and that it was paid. An entry is added and never altered. */
import { minorRead } from '#common/accounts/money.js';
import type { Clock } from '#common/clock.js';
import type { MemberAccount } from '#contract/accounts.js';
import { isIban } from '#contract/payment-reference.js';
import type { NewPayout, Payee, Payout, PayoutEntry, PayoutPage, ReturnedPayout } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';

export interface Payouts {
  /** Of so many members, in the order of territory and member; `after` is what `next` was. @throws Refusal `month-unknown` */
  list(month: string, page: { after?: string | undefined; limit: number }): Promise<PayoutPage>;
  /**
   * Said again with the same reference, it is the same.
   * @throws Refusal `month-unknown`, `payout-unknown`, `payout-several`, `payout-paid`
   */
  done(wish: NewPayout): Promise<Payout>;
  /** It came back. @throws Refusal `month-unknown`, `payout-unknown`, `payout-several`, `payout-not-paid` */
  returned(wish: ReturnedPayout): Promise<Payout>;
  /** @throws Refusal `iban-mistyped` */
  setPayee(payee: Payee): Promise<Payee>;
}

type Place = Pick<NewPayout, 'month' | 'member' | 'territory' | 'currency'>;

export function createPayouts({
  store,
  clock,
  territory: own,
}: {
  store: Pick<Store, 'payouts' | 'payees' | 'memberAccounts' | 'accountMonths' | 'commit'>;
  clock: Clock;
  territory: string;
}): Payouts {
  const turns = createTurns();
  const keyOf = ({ month, territory, member, currency }: Omit<Payout, 'amount' | 'state' | 'entries' | 'payee'>) =>
    `${month}!${territory}!${member}!${currency}`;

  async function closed(month: string): Promise<void> {
    if ((await store.accountMonths.get(month))?.state !== 'closed') throw new Refusal('month-unknown', month);
  }

  async function payoutsOf({ month, territory, member, sums }: MemberAccount): Promise<Payout[]> {
    const due = sums.filter(({ amount }) => minorRead(amount) !== 0n);
    const entries = await store.payouts.getMany(
      due.map(({ currency }) => keyOf({ month, territory, member, currency })),
    );
    const payee = territory === own ? ((await store.payees.get(member)) ?? null) : null;
    return due.map(({ currency, amount }, at): Payout => {
      const its = entries[at] ?? [];
      const state = its.at(-1)?.kind === 'paid' ? 'paid' : 'due';
      return { month, territory, member, currency, amount, state, entries: its, payee };
    });
  }

  async function one({ month, member, territory = own, currency }: Place): Promise<Payout> {
    await closed(month);
    const account = await store.memberAccounts.get(`${month}!${territory}!${member}`);
    const all = account ? await payoutsOf(account) : [];
    const [found, ...more] = currency === undefined ? all : all.filter((payout) => payout.currency === currency);
    if (!found) throw new Refusal('payout-unknown', `${member} in ${month}`);
    if (more.length > 0) throw new Refusal('payout-several', all.map((payout) => payout.currency).join(', '));
    return found;
  }

  async function add(payout: Payout, entry: Omit<PayoutEntry, 'amount' | 'at'>): Promise<Payout> {
    const value = [...payout.entries, { ...entry, amount: payout.amount, at: clock.now() }];
    await store.commit([{ type: 'put', sublevel: store.payouts, key: keyOf(payout), value }]);
    return one(payout);
  }

  return {
    async list(month, { after = '', limit }) {
      await closed(month);
      const range = { gt: `${month}!${after}`, lt: `${month}"`, limit };
      const accounts = await store.memberAccounts.values(range).all();
      const last = accounts.length === limit ? accounts.at(-1) : undefined;
      return {
        payouts: (await Promise.all(accounts.map(payoutsOf))).flat(),
        next: last ? `${last.territory}!${last.member}` : null,
      };
    },
    done: ({ reference, ...place }) =>
      turns.take('payouts', async () => {
        const payout = await one(place);
        const last = payout.entries.at(-1);
        if (last?.kind !== 'paid') return add(payout, { kind: 'paid', reference, reason: null });
        if (last.reference !== reference) throw new Refusal('payout-paid', last.reference ?? undefined);
        return payout;
      }),
    returned: ({ reason, ...place }) =>
      turns.take('payouts', async () => {
        const payout = await one(place);
        if (payout.state !== 'paid') throw new Refusal('payout-not-paid', `${payout.member} in ${payout.month}`);
        return add(payout, { kind: 'returned', reference: null, reason });
      }),
    async setPayee(payee) {
      if (!isIban(payee.iban)) throw new Refusal('iban-mistyped', payee.iban);
      await store.commit([{ type: 'put', sublevel: store.payees, key: payee.member, value: payee }]);
      return payee;
    },
  };
}
