/** A bank's file is read as it is said to be written, or not at all; references and cards' numbers are told apart. */
import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { amountOf } from '#common/accounts/money.js';
import {
  isIban,
  mod97,
  numberReferred,
  printedReference,
  referenceOf,
  referencesIn,
} from '#contract/payment-reference.js';
import type { BankFormat } from '#contract/payments.js';
import type { ProblemCode } from '#contract/problems.js';
import { mostFileBytes, mostRows, readBankFile, readBytes } from '../../provisioning/payments/bank-file.js';
import { holdsCardNumber, withoutCardNumbers } from '../../provisioning/payments/card-numbers.js';
import { readAmount, readDay } from '../../provisioning/payments/dialect.js';
import { ownFolder } from '../support/folder.js';
import { bank, statement } from '../support/payments-desk.js';

const refuses = (code: ProblemCode, detail?: RegExp) => ({ name: 'Refusal', code, ...(detail && { message: detail }) });
const read = (text: string | Buffer, format: Partial<BankFormat> = {}) =>
  readBankFile(Buffer.from(text), { ...bank, ...format });

t.test('a reference is one of ISO 11649, and a slip of the finger shows', async (t) => {
  t.equal(mod97('539007547034RF18'), 1, 'the example of the standard');
  t.ok(isIban('GB82WEST12345698765432'));
  t.notOk(isIban('GB82WEST12345698765423'));
  const number = fc.integer({ min: 1, max: 999_999_999 }).map(String);
  fc.assert(
    fc.property(number, fc.integer({ min: 2, max: 15 }), fc.integer({ min: 1, max: 9 }), (of, at, by) => {
      const reference = referenceOf(of);
      if (Number(numberReferred(reference)) !== Number(of)) return false;
      const digit = (Number(reference[at]) + by) % 10;
      const wrong = reference.slice(0, at) + digit + reference.slice(at + 1);
      const found = referencesIn(`invoice ${printedReference(wrong)}, thanks`);
      return numberReferred(wrong) === undefined && found.mistyped[0] === wrong && found.references.length === 0;
    }),
  );
  const breaks = fc.array(fc.constantFrom('', '', ' ', '-', '\n', '. ', ' / '), { minLength: 15, maxLength: 15 });
  fc.assert(
    fc.property(number, breaks, fc.boolean(), (of, between, isSmall) => {
      const reference = referenceOf(of);
      const broken = [...reference].map((one, at) => one + (between[at] ?? '')).join('');
      const text = `SVWZ+ ${isSmall ? broken.toLowerCase() : broken} 2026-12`;
      return referencesIn(text).references.join() === reference;
    }),
  );
});

t.test('an amount is what is said of it, or none', async (t) => {
  const german = { decimal: ',', grouping: '.' } as const;
  const english = { decimal: '.', grouping: ',' } as const;
  const plain = { decimal: '.', grouping: null } as const;
  for (const [text, currency, dialect, minor] of [
    ['1.234,56', 'EUR', german, 123456n],
    ['1.234,56', 'EUR', english, undefined],
    ['1.234,56', 'EUR', plain, undefined],
    ['1,234.56', 'EUR', english, 123456n],
    ['1,234.56', 'EUR', german, undefined],
    ['1234.56', 'EUR', plain, 123456n],
    ['1.234', 'EUR', german, 123400n],
    ['1.234', 'EUR', plain, undefined],
    ['1.23', 'EUR', german, undefined],
    ['12.34.567', 'EUR', german, undefined],
    ['1.2345', 'EUR', german, undefined],
    ['12,3', 'EUR', german, 1230n],
    ['-12,30', 'EUR', german, -1230n],
    ['\u221212,30', 'EUR', german, -1230n],
    ['+12,30', 'EUR', german, 1230n],
    ['12,30-', 'EUR', german, undefined],
    ['(12,30)', 'EUR', german, undefined],
    ['1e3', 'EUR', plain, undefined],
    ['1E3', 'EUR', german, undefined],
    ['0x10', 'EUR', plain, undefined],
    ['Infinity', 'EUR', plain, undefined],
    ['NaN', 'EUR', plain, undefined],
    ['', 'EUR', plain, undefined],
    ['.50', 'EUR', plain, undefined],
    ['5.', 'EUR', plain, undefined],
    ['€5', 'EUR', plain, undefined],
    ['１２', 'EUR', plain, undefined],
    ['5.005', 'EUR', plain, undefined],
    ['5.005', 'KWD', plain, 5005n],
    ['1.000', 'JPY', plain, undefined],
    ['1000.00', 'JPY', plain, 1000n],
    ['1000.50', 'JPY', plain, undefined],
    ['1\u202f234,50', 'EUR', { decimal: ',', grouping: ' ' }, 123450n],
    ["1'234.50", 'CHF', { decimal: '.', grouping: "'" }, 123450n],
    ['9'.repeat(16), 'EUR', plain, undefined],
  ] as const)
    t.equal(readAmount(text, currency, dialect), minor, `${text} ${currency} ${JSON.stringify(dialect)}`);
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
      fc.constantFrom('EUR', 'JPY', 'KWD'),
      (minor, code) => {
        const text = amountOf(minor, code);
        const [whole = '', behind] = text.split('.');
        const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '.') + (behind === undefined ? '' : `,${behind}`);
        const back = readAmount(grouped, code, german);
        return (back === minor && readAmount(text, code, plain) === minor) || minor.toString().length > 15;
      },
    ),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const minor = readAmount(text, 'EUR', plain);
      return minor === undefined || /^[+\-\u2212]?\d+(\.\d\d?)?$/.test(text.trim());
    }),
  );
});

t.test('a day is one of the calendar, in the order that is said', async (t) => {
  for (const [text, order, day] of [
    ['03.12.2026', 'dmy', '2026-12-03'],
    ['3/12/2026', 'dmy', '2026-12-03'],
    ['12/3/2026', 'mdy', '2026-12-03'],
    ['2026-12-03', 'ymd', '2026-12-03'],
    ['20261203', 'ymd', '2026-12-03'],
    ['2026-12-03T10:00:00Z', 'ymd', '2026-12-03'],
    ['2026-12-03', 'dmy', undefined],
    ['03.12.26', 'dmy', undefined],
    ['13/13/2026', 'mdy', undefined],
    ['30.02.2026', 'dmy', undefined],
    ['29.02.2028', 'dmy', '2028-02-29'],
    ['3.12/2026', 'dmy', undefined],
    ['46000', 'ymd', undefined],
  ] as const)
    t.equal(readDay(text, order), day, `${text} ${order}`);
});

t.test('the dialects of banks are read, each as it is said', async (t) => {
  const [row] = await read(statement([{ amount: '1.234,56', text: 'a "b"; c', id: 'x' }]));
  t.match(row, { line: 2, minor: 123456n, day: '2026-12-03', text: 'a "b"; c', outsideId: 'x', mark: 'id!x' });
  const bom = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(statement([{ amount: '1,00', text: 'é' }]))]);
  t.match(await read(bom), [{ text: 'é' }], 'with a mark of the order of bytes');
  await t.rejects(read(bom, { encoding: 'latin-1' }), refuses('bank-file-unreadable'));
  const latin = Buffer.from(statement([{ amount: '1,00', text: 'Müller' }]), 'latin1');
  await t.rejects(read(latin), refuses('bank-file-unreadable'), 'latin-1 is not UTF-8');
  t.match(await read(latin, { encoding: 'latin-1' }), [{ text: 'Müller' }]);
  const wide = Buffer.from(`\ufeff${statement([{ amount: '1,00', text: 'ö' }])}`, 'utf16le');
  await t.rejects(read(wide), refuses('bank-file-unreadable'));
  t.match(await read(wide, { encoding: 'utf-16le' }), [{ text: 'ö' }]);

  const dutch = await read('Account,NL00\n\n"20261203","Bij","10.00","a","b"\n"20261204","Af","2.50","","c"\n', {
    ...{ separator: ',', skipLines: 1, hasHeadings: false, dateOrder: 'ymd', decimal: '.', grouping: null },
    columns: { date: 1, direction: 2, amount: 3, text: [4, 5] },
    ...{ currency: 'EUR', directions: { in: 'Bij', out: 'Af' } },
  });
  t.match(dutch, [
    { minor: 1000n, text: 'a b', line: 3 },
    { minor: -250n, text: 'c' },
  ]);
  const plain = await read('d\ta\tt\n12/03/2026\t-5.00\t"as it is\n', {
    ...{ separator: '\t', quote: null, dateOrder: 'mdy', decimal: '.', grouping: null, currency: 'USD' },
    columns: { date: 'd', amount: 'a', text: ['t'] },
  });
  t.match(plain, [{ minor: -500n, text: '"as it is', outsideId: null }]);
});

t.test('what is otherwise than it is said is refused whole, by its line', async (t) => {
  const good = statement([{ amount: '1,00', text: 'x' }]);
  for (const [line, why] of [
    ['03.12.2026;1e3;EUR;x;2', /line 3.*1e3/],
    ['03.12.2026;1,00;XXX;x;2', /line 3.*XXX/],
    ['2026-12-03;1,00;EUR;x;2', /line 3.*2026-12-03/],
    ['03.12.2026;1,00;EUR;x;', /line 3/],
    ['03.12.2026;1,00;EUR;x;2;more', /line 3/],
    ['03.12.2026;1,00;EUR;"x;2', /./],
    [`03.12.2026;1,00;EUR;${'x'.repeat(3000)};2`, /line 3/],
    [`03.12.2026;1,00;EUR;${'x'.repeat(100_000)};2`, /./],
    ['03.12.2026;1,00;EUR;x\0y;2', /./],
  ] as const)
    await t.rejects(read(`${good}\n${line}\n`), refuses('bank-file-unreadable', why), line.slice(0, 40));
  await t.rejects(read(''), refuses('bank-file-unreadable'));
  await t.rejects(read('Date;Amount;Details;Number\n'), refuses('bank-file-unreadable', /Currency/));
  await t.rejects(read('Date;Date;Amount;Currency;Details;Number\n'), refuses('bank-file-unreadable', /more than one/));
  const { columns } = bank;
  for (const format of [
    { currency: 'EUR' },
    { directions: { in: 'a', out: 'b' } },
    { grouping: ',' },
    { hasHeadings: false },
    { columns: { ...columns, id: 'Date' } },
  ] as Partial<BankFormat>[])
    await t.rejects(read(good, format), refuses('bank-format-invalid'), JSON.stringify(format));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      const text = Buffer.concat([Buffer.from(`${good}\r\n`), Buffer.from(bytes)]);
      const rows = await read(text).catch((error: { code?: string }) => error.code);
      return rows === 'bank-file-unreadable' || Array.isArray(rows);
    }),
  );
});

t.test('a file that is too large is refused before it is read, and one of too many lines', async (t) => {
  const file = path.join(await ownFolder(t), 'large.csv');
  await writeFile(file, '');
  await truncate(file, mostFileBytes + 1);
  await t.rejects(readBytes(file), refuses('bank-file-too-large'));
  await t.rejects(readBytes(path.dirname(file)), refuses('arguments-invalid'));
  await t.rejects(readBytes(`${file}.none`), refuses('arguments-invalid'));
  const pipe = `${file}.pipe`;
  execFileSync('mkfifo', [pipe]);
  await t.rejects(readBytes(pipe), refuses('arguments-invalid'), 'a pipe that nobody writes to holds nobody up');
  const lines = `d,a,t\n${'2026-12-03,1,x\n'.repeat(mostRows + 1)}`;
  const format = { separator: ',', dateOrder: 'ymd', decimal: '.', grouping: null, currency: 'EUR' } as const;
  await t.rejects(
    read(lines, { ...format, columns: { date: 'd', amount: 'a', text: ['t'] } }),
    refuses('bank-file-too-large'),
  );
});

t.test('what looks like the number of a card is left out; a reference and an account’s number stay', async (t) => {
  for (const text of [
    '4111111111111111',
    'card 4111 1111 1111 1111 12 27',
    '5555-5555-5555-4444',
    'evt_378282246310005',
    'x6011111111111117y',
    '30569309025904',
  ]) {
    t.ok(holdsCardNumber(text), text);
    t.notMatch(withoutCardNumbers(text), /\d{4}[ -]?\d{4}/);
  }
  for (const text of ['1234567890123', '1765432100000', 'DE89370400440532013000', '4111111111111112', '2026-12-03 10'])
    t.equal(withoutCardNumbers(text), text);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999 }), (number) => {
      const text = `for ${printedReference(referenceOf(String(number)))}, thanks`;
      return withoutCardNumbers(text) === text;
    }),
  );
  const [row] = await read(statement([{ amount: '1,00', text: `4111 1111 1111 1111 ${referenceOf('7')}` }]));
  t.equal(row?.text, `[left out] ${referenceOf('7')}`);
});
