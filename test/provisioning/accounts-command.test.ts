/** Months on the command line: without a server, on a territory as it is made by commands. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { openStore } from '../../provisioning/store/store.js';
import { agreementId, boxOf, recordOf } from '../support/accounts-desk.js';
import { brokenRules, readXml, schemaFaults } from '../support/en16931.js';
import { ownFolder } from '../support/folder.js';
import { territoryCommands } from '../support/territory-commands.js';

t.test('a month is closed, read, given back from and invoiced by commands', async (t) => {
  const folder = await ownFolder(t);
  const dir = path.join(folder, 'territory');
  const { done, refused } = territoryCommands(t, dir);
  done('init', '--territory', 'north', '--name', 'North', '--jurisdiction', 'AU-NSW', '--law', 'NSW law');
  const now = new Date();
  const over = (months: number): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1));
  const [month, before] = [over(1), over(2)].map((one) => one.toISOString().slice(0, 7)) as [string, string];
  const box = boxOf(1);
  const record = recordOf({
    ...{ number: 1, box, since: over(2).getTime(), prices: [{ amount: '2.99', currency: 'EUR', per: 'month' }] },
  });
  const store = await openStore(dir);
  await store.commit([
    { type: 'put', sublevel: store.agreements, key: agreementId(1), value: record },
    { type: 'put', sublevel: store.boxAgreements, key: `${box}!${agreementId(1)}`, value: 0 },
  ]);
  await store.close();

  t.match(
    done('account', 'schedule', '--from', before, '--share', '15', '--alliance', '1', '--discount', '2=20'),
    /15 %/,
  );
  refused('schedule-invalid', 'account', 'schedule', '--from', before, '--share', '99.5', '--alliance', '1');
  refused('arguments-invalid', 'account', 'schedule', '--from', before, '--share', '101');
  refused('month-not-over', 'account', 'close', now.toISOString().slice(0, 7));
  t.match(
    done('account', 'close', before),
    new RegExp(`${before}\\s+closed\\s+\\S+\\s+1\\s+EUR\\s+2.99\\s+2.53\\s+0.44\\s+0.02`),
  );
  refused('month-closed', 'account', 'schedule', '--from', before, '--share', '20');
  refused('month-not-next', 'account', 'close', over(4).toISOString().slice(0, 7));
  const csv = done('account', 'owners', before, '--csv').trim().split('\n');
  t.same(csv.length, 2);
  t.match(csv[1], `${box},${agreementId(1)},acme.visits,acme,charge,${before},month,`);
  t.match(done('account', 'members', before), /acme\s+\S+\s+EUR\s+2\.99\s+0\.44\s+0\.00\s+0\.02\s+2\.53/);

  refused(
    'credit-too-large',
    'account',
    'credit',
    agreementId(1),
    '--month',
    before,
    '--amount',
    '3.00',
    '--reason',
    'x',
  );
  t.match(
    done('account', 'credit', agreementId(1), '--month', before, '--amount', '2.99', '--reason', 'it was down'),
    box,
  );
  done('account', 'close', month);
  const account = done('account', 'show', month, box);
  t.match(account, /credit\s+\S+\s+it was down\s+-2\.99/);
  t.match(account, /all of it\s+\S+\s+0\.00\s+EUR/);
  refused('account-unknown', 'account', 'show', month, boxOf(2));
  t.same(JSON.parse(done('account', 'list', '--json')).length, 2);
  t.match(done('account', 'verify'), /2 months are as they were closed/);
  t.match(done('account', 'development', boxOf(2), 'on'), boxOf(2));
  t.notMatch(done('account', 'development', boxOf(2), 'off'), boxOf(2));

  const [seller, buyer, out] = ['seller.json', 'buyer.json', 'invoice.xml'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  const who = { name: 'North Networks', country: 'AU', registration: '51 824 753 556', paymentDays: 14 };
  await writeFile(seller, JSON.stringify({ ...who, tax: { category: 'S', percent: '10' } }));
  await writeFile(buyer, JSON.stringify({ name: 'Ana', country: 'AU' }));
  const invoice = (of: string) => ['account', 'invoice', of, box, '--buyer', buyer, '--out', out];
  refused('seller-unset', ...invoice(before));
  refused('seller-invalid', 'account', 'seller', seller);
  await writeFile(seller, JSON.stringify({ ...who, tax: { category: 'O', reason: 'not registered' } }));
  t.match(done('account', 'seller', seller), /North Networks, AU, tax O/);
  t.match(done(...invoice(before)), /invoice north-000001 of .*: 2\.99 EUR/);
  const read = readXml(await readFile(out, 'utf8'));
  t.strictSame([...brokenRules(read), ...schemaFaults(read)], []);
  refused('invoice-of-nothing', ...invoice(month));
  t.match(done('account', 'invoices', '--csv'), /^north-000001,RF\d\d 0000 0000 0001,invoice,/m);
  t.notMatch(done('audit', 'list', '--json'), 'Ana', 'the log of acts keeps no names of owners');
});
