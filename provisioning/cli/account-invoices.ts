/** `account seller | invoice | invoices`: documents for what a month came to. */
import { writeFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { Buyer, Invoice, IssuedInvoice, Seller } from '#contract/invoices.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { printedReference } from '#contract/payment-reference.js';
import { Refusal } from '#contract/problems.js';
import { fileText, noMore, readArguments, required, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

async function readFileAs<T extends typeof Buyer | typeof Seller>(schema: T, file: string) {
  const read = parseJson(schema, Buffer.from(await fileText(file)));
  if (read.ok) return read.value;
  throw new Refusal('arguments-invalid', `${file}: ${describeFaults(read.faults)}`);
}

export const seller: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  const [file, ...rest] = positionals;
  noMore(rest);
  const ask = asking(values.dir);
  if (file !== undefined) await ask('account.seller', await readFileAs(Seller, file));
  const now = answered(check(Type.Union([Seller, Type.Null()]), await ask('account.seller.show', {})));
  tellDone(out, values, now ?? {}, now ? `${now.name}, ${now.country}, tax ${now.tax.category}` : 'nobody is named');
};

export const invoice: Command = async (args, { out }) => {
  const options = { dir: text, buyer: text, out: text, currency: text, ...outputs };
  const { values, positionals } = readArguments(args, options);
  const [month, box, ...rest] = positionals;
  noMore(rest);
  const file = required(values.out, '--out');
  const wish = {
    ...{ month: required(month, 'the month'), box: required(box, 'the box') },
    ...(values.currency === undefined ? {} : { currency: values.currency }),
    to: { buyer: await readFileAs(Buyer, required(values.buyer, '--buyer')) },
  };
  const { xml, ...made } = answered(check(IssuedInvoice, await asking(values.dir)('account.invoice', wish)));
  await writeFile(file, xml).catch((error: unknown) => {
    throw new Refusal('arguments-invalid', `cannot write ${file}`, { cause: error });
  });
  const what = made.type === '381' ? 'credit note' : 'invoice';
  const { number, reference, issuedAt, amount, currency } = made;
  const named = `${what} ${number} of ${when(issuedAt)}: ${amount} ${currency}`;
  tellDone(out, values, made, `${named}, ${printedReference(reference)}`);
};

export const invoices: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const all = await askAll(asking(values.dir), 'account.invoices.list', (page) =>
    answered(check(Type.Array(Invoice), page)).map((one) => ({ ...one, id: one.number })),
  );
  const rows = all.map((one) => [
    ...[
      one.number,
      printedReference(one.reference),
      one.type === '381' ? 'credit note' : 'invoice',
      when(one.issuedAt),
      one.month,
      one.box,
    ],
    ...[one.amount, one.currency],
  ]);
  const head = ['NUMBER', 'REFERENCE', 'TYPE', 'ISSUED', 'MONTH', 'BOX', 'AMOUNT', 'CURRENCY'];
  tellRows(out, values, all, [head, ...rows]);
};
