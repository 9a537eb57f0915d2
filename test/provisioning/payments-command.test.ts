/** Payments and payouts on the command line, without a server: what an office does at the end of a month. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { openStore } from '../../provisioning/store/store.js';
import { agreementId, boxOf, recordOf } from '../support/accounts-desk.js';
import { ownFolder } from '../support/folder.js';
import { territoryCommands } from '../support/territory-commands.js';

t.test('an invoice is paid by a bank’s file, and a member is paid what is due', async (t) => {
  const folder = await ownFolder(t);
  const dir = path.join(folder, 'territory');
  const at = (name: string): string => path.join(folder, name);
  const { done, refused } = territoryCommands(t, dir);
  done('init', '--territory', 'north', '--name', 'North', '--jurisdiction', 'AU-NSW', '--law', 'NSW law');
  const now = new Date();
  const over = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1);
  const month = new Date(over).toISOString().slice(0, 7);
  const prices = [{ amount: '2.99', currency: 'EUR', per: 'month' as const }];
  const store = await openStore(dir);
  for (const number of [1, 2])
    await store.commit([
      {
        ...{ type: 'put', sublevel: store.agreements, key: agreementId(number) },
        value: recordOf({ number, box: boxOf(number), since: over, prices }),
      },
      { type: 'put', sublevel: store.boxAgreements, key: `${boxOf(number)}!${agreementId(number)}`, value: 0 },
    ]);
  await store.close();
  done('account', 'schedule', '--from', month, '--share', '15');
  done('account', 'close', month);
  const tax = { category: 'O', reason: 'not registered' };
  await writeFile(
    at('seller.json'),
    JSON.stringify({ name: 'North', country: 'AU', registration: '51', paymentDays: 14, tax }),
  );
  await writeFile(at('buyer.json'), JSON.stringify({ name: 'Ana', country: 'AU' }));
  done('account', 'seller', at('seller.json'));
  const invoice = (box: number) =>
    done('account', 'invoice', month, boxOf(box), '--buyer', at('buyer.json'), '--out', at(`${box}.xml`));
  t.match(invoice(1), /RF\d\d 0000 0000 0001/, 'the reference is told with the invoice');
  invoice(2);
  const [, reference = ''] = /<cbc:PaymentID>(RF\d{14})</.exec(await readFile(at('1.xml'), 'utf8')) ?? [];

  const format = {
    ...{ account: 'main', encoding: 'utf-8', separator: ',', quote: '"', skipLines: 0, hasHeadings: true },
    columns: { date: 'Date', amount: 'Amount', text: ['Text'], id: 'Id' },
    ...{ currency: 'EUR', dateOrder: 'ymd', decimal: '.', grouping: null },
  };
  await writeFile(at('bank.json'), JSON.stringify(format));
  const hostile = `=HYPERLINK(""http://x.example"";""paid"")`;
  await writeFile(
    at('bank.csv'),
    `Date,Amount,Text,Id\n2026-12-03,2.99,${reference},1\n2026-12-04,5.98,"${hostile}",2\n2026-12-05,-9.00,rent;=1+1,3\n`,
  );
  const bring = ['payment', 'import', at('bank.csv'), '--format', at('bank.json')];
  refused('bank-format-invalid', 'payment', 'import', at('bank.csv'), '--format', at('buyer.json'));
  refused('arguments-invalid', 'payment', 'import', at('none.csv'), '--format', at('bank.json'));
  t.match(done(...bring), '3 lines: 3 taken (1 for an invoice, 2 unmatched), 0 known, 0 of nothing');
  t.match(done(...bring), '3 lines: 0 taken (0 for an invoice, 0 unmatched), 3 known');
  t.match(done('payment', 'list'), /north-000001 .* 2\.99 +2\.99 +0\.00 +EUR +paid/);
  t.match(done('payment', 'list', '--state', 'open', '--csv').trim().split('\n').slice(1), [/^north-000002,/]);
  refused('arguments-invalid', 'payment', 'list', '--state', 'late');
  const csv = done('payment', 'unmatched', '--csv');
  t.match(csv, /,"'=HYPERLINK/, 'a spreadsheet runs nothing that somebody wrote into a payment');
  t.match(csv, /,rent;'=1\+1$/m, 'nor where a semicolon parts its cells');

  const [one, two, three] = ['1', '2', '3'].map((end) => `payment-00000000000${end}`) as [string, string, string];
  t.match(done('payment', 'assign', two, 'north-000002', '--amount', '2.99'), 'booking-000000000002-0001: 2.99 EUR');
  refused('payment-used-up', 'payment', 'assign', two, 'north-000002', '--amount', '3.00');
  refused('arguments-invalid', 'payment', 'assign', two);
  refused('arguments-invalid', 'payment', 'assign', three, '--aside');
  done('payment', 'assign', three, '--aside', '--reason', 'the rent');
  t.match(done('payment', 'reverse', 'booking-000000000001-0001', '--reason', 'it bounced'), '-2.99 EUR');
  refused('booking-reversed', 'payment', 'reverse', 'booking-000000000001-0001', '--reason', 'x');
  t.match(done('payment', 'show', one), /matched[\s\S]*reversal/);
  t.match(done('payment', 'show', reference.replace(/.{4}/g, '$& ').trim()), /2\.99 +0\.00 +2\.99 +EUR +open/);
  t.match(done('payment', 'sums', '--csv'), 'EUR,-0.03,2.99,-9.00,5.98,5.98,2.99');

  const iban = 'GB82 WEST 1234 5698 7654 32';
  refused('iban-mistyped', 'payout', 'payee', 'acme', '--name', 'Acme', '--iban', iban.replace('82', '83'));
  done('payout', 'payee', 'acme', '--name', '=Acme', '--iban', iban);
  refused('month-unknown', 'payout', 'list', now.toISOString().slice(0, 7));
  const due = ['payout', 'list', month, '--due', '--csv'];
  t.match(done(...due), `acme,north,'=Acme,GB82WEST12345698765432,5.09,EUR,${month} acme,due,,`);
  refused('payout-not-paid', 'payout', 'returned', month, 'acme', '--reason', 'x');
  refused('payout-unknown', 'payout', 'done', month, 'bracken', '--reference', 'T1');
  t.match(done('payout', 'done', month, 'acme', '--reference', 'T1'), '5.09 EUR paid');
  t.match(done('payout', 'done', month, 'acme', '--reference', 'T1'), '5.09 EUR paid', 'said again it is the same');
  refused('payout-paid', 'payout', 'done', month, 'acme', '--reference', 'T2');
  t.notMatch(done(...due), 'acme');
  t.match(done('payout', 'list', month), /paid +\S+ +T1/);
  done('payout', 'returned', month, 'acme', '--reason', 'the account is closed');
  t.match(done(...due), 'acme,north');
  done('payout', 'done', month, 'acme', '--reference', 'T2');
  t.match(JSON.parse(done('payout', 'list', month, '--json')), [
    { entries: [{ kind: 'paid', reference: 'T1' }, { kind: 'returned' }, { kind: 'paid', reference: 'T2' }] },
  ]);
});
