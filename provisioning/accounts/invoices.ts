/**
 * Invoices of closed months. Each is made out once: its number, which is the next one, and its bytes go to the disk in one
 * batch, so that numbers have no gap and a document that somebody was given never changes. Asked for again, it is the same.
 */
import { createHash } from 'node:crypto';
import { day } from '#common/accounts/days.js';
import { amountOf, minorRead } from '#common/accounts/money.js';
import type { Clock } from '#common/clock.js';
import type { OwnerAccount } from '#contract/accounts.js';
import type { Buyer, Invoice, IssuedInvoice, Seller } from '#contract/invoices.js';
import { endOfPeriod } from '#contract/metering.js';
import { minorDigits } from '#contract/money.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { reckon } from './reckon.js';
import { buildUbl } from './ubl.js';

export interface InvoiceWish {
  month: string;
  box: string;
  /** Where the account has several. */
  currency?: string | undefined;
  buyer: Buyer;
}

export interface Invoices {
  /** @throws Refusal `seller-invalid` */
  setSeller(seller: Seller): Promise<Seller>;
  seller(): Promise<Seller | null>;
  /**
   * What was made out before is answered as it was, whoever the buyer is said to be now.
   * @throws Refusal `month-unknown`, `account-unknown`, `seller-unset`, `invoice-currency`, `invoice-of-nothing`
   */
  issue(wish: InvoiceWish): Promise<IssuedInvoice>;
  /** In the order of numbers; `after` is one. */
  list(page: { after?: string | undefined; limit: number }): Promise<Invoice[]>;
}

const mostDigits = 2;
const series = 1_000_000;
const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

/** EN 16931: BR-S-02, BR-Z-02, BR-E-02, BR-O-02, BR-CO-26. */
function sellerFault({ tax, vatId, registration }: Seller): string | undefined {
  if (tax.category === 'O')
    return registration === undefined ? 'who is not subject to tax is known by a registration' : undefined;
  return vatId === undefined ? `tax of category ${tax.category} needs a vatId` : undefined;
}

export function createInvoices({
  store,
  clock,
  territory,
  accountOf,
}: {
  store: Pick<Store, 'invoices' | 'invoiceNumbers' | 'sellers' | 'restorations' | 'commit'>;
  clock: Clock;
  territory: string;
  /** @throws Refusal `month-unknown`, `account-unknown` */
  accountOf(month: string, box: string): Promise<OwnerAccount>;
}): Invoices {
  const turns = createTurns();

  /** Behind a restore from a backup others may have been given out: it goes on with another million. */
  async function nextNumber(): Promise<string> {
    let last = { number: 0, at: 0 };
    for await (const [key, { issuedAt }] of store.invoices.iterator({ reverse: true, limit: 1 }))
      last = { number: Number(key), at: issuedAt };
    const restored = await store.restorations.get('last');
    const isBehind = restored !== undefined && last.at < restored.at;
    const next = isBehind ? (Math.floor(last.number / series) + 1) * series + 1 : last.number + 1;
    return String(next).padStart(12, '0');
  }

  function wantedSum({ sums }: OwnerAccount, currency: string | undefined) {
    const [first, ...more] = currency === undefined ? sums : sums.filter((one) => one.currency === currency);
    if (!first) throw new Refusal('invoice-of-nothing', currency);
    if (more.length > 0) throw new Refusal('invoice-currency', sums.map((one) => one.currency).join(', '));
    // BR-DEC-*: an amount has two decimals at the most.
    if ((minorDigits(first.currency) ?? 0) > mostDigits) throw new Refusal('invoice-currency', first.currency);
    if (minorRead(first.amount) === 0n) throw new Refusal('invoice-of-nothing', first.currency);
    return first;
  }

  async function issue({ month, box, currency: wish, buyer }: InvoiceWish): Promise<IssuedInvoice> {
    const account = await accountOf(month, box);
    const { currency, amount } = wantedSum(account, wish);
    const place = `${month}!${box}!${currency}`;
    const there = await store.invoiceNumbers.get(place);
    if (there !== undefined) {
      const found = await store.invoices.get(there);
      if (!found) throw new Error(`cannot find invoice ${there}`);
      return found;
    }
    const seller = await store.sellers.get('now');
    if (!seller) throw new Refusal('seller-unset');
    const key = await nextNumber();
    const number = `${territory}-${key.replace(/^0{0,6}/, '')}`;
    const issuedAt = clock.now();
    const isCreditNote = amount.startsWith('-');
    const entries = account.entries
      .filter((entry) => entry.currency === currency)
      .map((entry) => ({ entry, minor: isCreditNote ? -minorRead(entry.amount) : minorRead(entry.amount) }));
    const xml = buildUbl({
      ...{ number, isCreditNote, currency, box, seller, buyer, reckoned: reckon(entries, seller.tax) },
      issued: dateOf(issuedAt),
      due: dateOf(issuedAt + seller.paymentDays * day),
      period: { from: `${month}-01`, to: dateOf(endOfPeriod(month) - day) },
      text: (minor) => amountOf(minor, currency),
    });
    const sha256 = createHash('sha256').update(xml).digest('hex');
    const value: IssuedInvoice = {
      ...{ number, type: isCreditNote ? '381' : '380', month, box, currency, amount, issuedAt, sha256, xml },
    };
    await store.commit([
      { type: 'put', sublevel: store.invoices, key, value },
      { type: 'put', sublevel: store.invoiceNumbers, key: place, value: key },
    ]);
    return value;
  }

  return {
    async setSeller(seller) {
      const fault = sellerFault(seller);
      if (fault) throw new Refusal('seller-invalid', fault);
      await store.commit([{ type: 'put', sublevel: store.sellers, key: 'now', value: seller }]);
      return seller;
    },
    seller: async () => (await store.sellers.get('now')) ?? null,
    issue: (wish) => turns.take('invoices', () => issue(wish)),
    async list({ after, limit }) {
      const behind = after === undefined ? '' : (/\d+$/.exec(after)?.[0] ?? '').padStart(12, '0');
      const found: Invoice[] = [];
      for await (const { xml: _xml, ...invoice } of store.invoices.values({ gt: behind, limit })) found.push(invoice);
      return found;
    },
  };
}
