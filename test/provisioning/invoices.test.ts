/** Invoices of a month: by EN 16931, for just what the account says, numbered without a gap, and never made out twice. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { nextMonth } from '#common/accounts/days.js';
import { amountOf } from '#common/accounts/money.js';
import type { AccountEntry } from '#contract/accounts.js';
import { Buyer, Invoice, type InvoiceTax, IssuedInvoice, type Seller } from '#contract/invoices.js';
import { check } from '#contract/parse.js';
import type { Price } from '#contract/plans.js';
import type { ProblemCode } from '#contract/problems.js';
import { createInvoices } from '../../provisioning/accounts/invoices.js';
import { reckon } from '../../provisioning/accounts/reckon.js';
import { buildUbl } from '../../provisioning/accounts/ubl.js';
import { agreementId, boxOf, openAccountsDesk } from '../support/accounts-desk.js';
import { brokenRules, readXml, schemaFaults, textOf } from '../support/en16931.js';
import { ownFolder } from '../support/folder.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const seller: Seller = {
  ...{ name: 'Kauri Networks Ltd', street: '1 Queen Street', postalCode: '1010', city: 'Auckland', country: 'NZ' },
  ...{ vatId: 'NZ123456789', registration: '9429000000000', email: 'office@kauri.example', paymentDays: 14 },
  tax: { category: 'S', percent: '15' },
};
const buyer: Buyer = { name: 'Ana <& Sons> "Ltd"', country: 'NZ' };

const entry = (more: Partial<AccountEntry> = {}): AccountEntry => ({
  ...{ kind: 'charge', agreement: agreementId(1), app: 'acme.visits', plan: 'personal', member: 'acme' },
  ...{ territory: 'north', period: '2026-11', for: 'month', price: '2.99', unit: null, quantity: null },
  ...{ days: { held: 30, of: 30 }, credit: null, reason: null, amount: '2.99', currency: 'EUR', ...more },
});

function documentOf(minors: bigint[], more: Partial<{ seller: Seller; buyer: Buyer; isCreditNote: boolean }> = {}) {
  const its = { seller, buyer, isCreditNote: false, ...more };
  return buildUbl({
    ...{ ...its, number: 'north-000001', currency: 'EUR', issued: '2026-12-03', due: '2026-12-17', box: boxOf(1) },
    period: { from: '2026-11-01', to: '2026-11-30' },
    reckoned: reckon(
      minors.map((minor) => ({ entry: entry({ amount: amountOf(minor, 'EUR') }), minor })),
      its.seller.tax,
    ),
    text: (minor) => amountOf(minor, 'EUR'),
  });
}

function isWell(t: Test, xml: string, what = 'by the rules'): void {
  const read = readXml(xml);
  t.strictSame(brokenRules(read), [], what);
  t.strictSame(schemaFaults(read), [], what);
}

const taxArb: fc.Arbitrary<InvoiceTax> = fc.oneof(
  fc.integer({ min: 1, max: 9999 }).map(
    (rate): InvoiceTax => ({
      category: 'S',
      percent: rate < 100 ? `0.${String(rate).padStart(2, '0')}` : String(rate / 100),
    }),
  ),
  fc.constant<InvoiceTax>({ category: 'Z' }),
  fc.constant<InvoiceTax>({ category: 'E', reason: 'small business' }),
  fc.constant<InvoiceTax>({ category: 'O', reason: 'not subject to VAT' }),
);
const line = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });

t.test('whatever is charged, to whom and with which tax: the rules hold, and the sum is the account’s', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt({ min: -10_000_000n, max: 10_000_000n }), { minLength: 1, maxLength: 12 }),
      taxArb,
      fc.record({ name: line, street: line, city: line }),
      (minors, tax, words) => {
        const sum = minors.reduce((all, one) => all + one, 0n);
        if (sum === 0n) return;
        const isCreditNote = sum < 0n;
        const turned = isCreditNote ? minors.map((one) => -one) : minors;
        const who = { ...buyer, ...words, vatId: 'NZ1234', email: 'a@b.example' };
        if (!check(Buyer, who).ok) return; // what XML cannot hold is refused before
        const read = readXml(documentOf(turned, { seller: { ...seller, tax }, buyer: who, isCreditNote }));
        const broken = [...brokenRules(read), ...schemaFaults(read)];
        const payable = textOf(read.invoice, 'cac:LegalMonetaryTotal/cbc:PayableAmount');
        if (payable !== amountOf(isCreditNote ? -sum : sum, 'EUR')) broken.push('sum');
        const legal = 'cac:AccountingCustomerParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName';
        const name = textOf(read.invoice, legal);
        if (String(name).trim() !== words.name.trim()) broken.push('name');
        if (broken.length > 0) throw new Error(broken.join('\n'));
      },
    ),
    { numRuns: 300 },
  );
});

t.test('one that breaks a rule is found out', async (t) => {
  const good = documentOf([299n, 45n, -100n]);
  isWell(t, good);
  const altered: [string, RegExp | string, string][] = [
    ['BR-CO-10', /(<cbc:LineExtensionAmount[^>]*>)2\.60/, '$12.61'],
    ['BR-CO-15', /(<cbc:TaxInclusiveAmount[^>]*>)[\d.]+/, '$19.99'],
    ['BR-CO-16', /(<cbc:PayableAmount[^>]*>)[\d.]+/, '$12.43'],
    [
      'BR-CO-17',
      /(<cbc:Percent>)15(<\/cbc:Percent>\s*<cac:TaxScheme>\s*<cbc:ID>VAT<\/cbc:ID>\s*<\/cac:TaxScheme>\s*<\/cac:TaxCategory>)/,
      '$119$2',
    ],
    ['BR-CO-25', /<cbc:DueDate>.*<\/cbc:DueDate>|<cac:PaymentTerms>[\s\S]*<\/cac:PaymentTerms>/g, ''],
    [
      'BR-11',
      /(<cac:AccountingCustomerParty>[\s\S]*)<cac:Country>[\s\S]*?<\/cac:Country>([\s\S]*<\/cac:AccountingCustomerParty>)/,
      '$1$2',
    ],
    ['BR-S-02', /<cac:PartyTaxScheme>[\s\S]*?<\/cac:PartyTaxScheme>/, ''],
    ['BR-27', /(<cbc:PriceAmount[^>]*>)/, '$1-'],
    ['BR-DEC', /(<cbc:PriceAmount[^>]*>[\d.]+)/, '$11'],
    ['UBL-CR', 'currencyID="EUR"', 'currencyID="USD"'],
  ];
  for (const [rule, from, to] of altered) {
    const xml = good.replace(from, to);
    t.not(xml, good, rule);
    t.ok(brokenRules(readXml(xml)).includes(rule), rule);
  }
  const swapped = good.replace(/(<cbc:ID>north.*<\/cbc:ID>)(\s*)(<cbc:IssueDate>.*<\/cbc:IssueDate>)/, '$3$2$1');
  t.not(swapped, good);
  t.match(schemaFaults(readXml(swapped)), [/not in order/]);
  t.not(schemaFaults(readXml(good.replace('"C62"', '"PIECES"'))).length, 0);
  t.not(schemaFaults(readXml(good.replaceAll('>NZ<', '>XX<'))).length, 0);
});

t.test('an invoice is made out once, numbers have no gap, and what goes back is a credit note', async (t) => {
  const folder = await ownFolder(t);
  let desk = await openAccountsDesk(folder, Date.UTC(2026, 11, 3));
  t.teardown(() => desk.store.close());
  const open = () =>
    createInvoices({
      ...{ store: desk.store, clock: desk.clock, territory: 'north' },
      accountOf: (month, box) => desk.accounts.owner(month, box),
    });
  let invoices = open();
  const price = (amount: string, currency: string): Price[] => [{ amount, currency, per: 'month' }];
  const since = Date.UTC(2026, 10, 1);
  const [euro, dinar] = [price('2.99', 'EUR'), price('1.250', 'KWD')];
  await desk.tell(
    { number: 1, box: boxOf(1), since, prices: euro },
    { number: 2, box: boxOf(2), since, prices: dinar },
    { number: 3, box: boxOf(3), since, prices: euro },
    { number: 4, box: boxOf(3), app: 'acme.other', since, prices: price('300', 'JPY') },
  );
  const wish = { month: '2026-11', box: boxOf(1), buyer };
  await t.rejects(invoices.issue(wish), refuses('month-unknown'));
  await desk.accounts.close('2026-11');
  await t.rejects(invoices.issue(wish), refuses('seller-unset'));
  const { vatId: _vatId, ...unknown } = seller;
  await t.rejects(invoices.setSeller(unknown), refuses('seller-invalid'));
  const { registration: _registration, ...unregistered } = seller;
  await t.rejects(
    invoices.setSeller({ ...unregistered, tax: { category: 'O', reason: 'none' } }),
    refuses('seller-invalid'),
  );
  await invoices.setSeller({ ...seller, iban: 'NZ0012345678901234' });
  t.match(await invoices.seller(), { name: seller.name });
  await t.rejects(invoices.issue({ ...wish, box: boxOf(9) }), refuses('account-unknown'));
  await t.rejects(invoices.issue({ ...wish, box: boxOf(2) }), refuses('invoice-currency'), 'three decimals');
  await t.rejects(invoices.issue({ ...wish, box: boxOf(3) }), refuses('invoice-currency'), 'which of the two');

  // Asked for by many at once: one number each, and the same one for the same.
  const asked = [wish, { ...wish, box: boxOf(3), currency: 'EUR' }, { ...wish, box: boxOf(3), currency: 'JPY' }];
  const made = await Promise.all([...asked, ...asked].map((one) => invoices.issue(one)));
  t.same(made.map(({ number }) => number).slice(0, 3), ['north-000001', 'north-000002', 'north-000003']);
  t.strictSame(made.slice(3), made.slice(0, 3));
  for (const one of made) {
    t.ok(check(IssuedInvoice, one).ok);
    isWell(t, one.xml, one.number);
  }
  t.match(made[0]!.xml, 'Ana &lt;&amp; Sons&gt; &quot;Ltd&quot;');

  await desk.store.close();
  desk = await openAccountsDesk(folder, Date.UTC(2027, 0, 4));
  invoices = open();
  t.strictSame(
    await invoices.issue({ ...wish, buyer: { ...buyer, name: 'Somebody else' } }),
    made[0],
    'as it was given',
  );

  // It is heard late that the app was left.
  await desk.tell({ number: 1, box: boxOf(1), since, prices: euro, ended: Date.UTC(2026, 10, 16) });
  await desk.accounts.close('2026-12');
  const back = await invoices.issue({ ...wish, month: '2026-12' });
  t.match(back, { number: 'north-000004', type: '381', amount: '-1.49' });
  isWell(t, back.xml);
  t.match(back.xml, '<CreditNote');
  const listed = await invoices.list({ limit: 3 });
  t.same(
    listed.map(({ number }) => number),
    ['north-000001', 'north-000002', 'north-000003'],
  );
  t.ok(listed.every((one) => check(Invoice, one).ok));
  t.match(await invoices.list({ after: 'north-000003', limit: 3 }), [{ number: 'north-000004' }]);

  // What was made out behind the backup is not known here.
  const restored = { at: desk.clock.now() + 1, backupAt: desk.clock.now() };
  await desk.store.commit([{ type: 'put', sublevel: desk.store.restorations, key: 'last', value: restored }]);
  desk.clock.advance(1000);
  const numbers = async (prices: Price[], number: number) => {
    await desk.tell({ number, box: boxOf(number), since: Date.UTC(2026, 11, 1), prices });
    desk.setTime(Date.UTC(2027, number - 9, 2));
    const [month] = (await desk.accounts.months()).slice(-1).map((one) => nextMonth(one.month));
    await desk.accounts.close(month!);
    return (await invoices.issue({ month: month!, box: boxOf(number), buyer })).number;
  };
  t.equal(await numbers(euro, 10), 'north-1000001', 'it goes on with another million');
  t.equal(await numbers(euro, 11), 'north-1000002');
});
