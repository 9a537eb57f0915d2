/** `payout`: what members are due, and whether it was paid. */
import { when } from '#common/columns.js';
import { check } from '#contract/parse.js';
import { Payee, Payout, PayoutPage } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import { pageSize } from '../operations.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { type Ask, asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

async function allOf(ask: Ask, month: string): Promise<Payout[]> {
  const all: Payout[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const wish = { month, limit: pageSize, ...(after === undefined ? {} : { after }) };
    const { payouts, next } = answered(check(PayoutPage, await ask('payout.list', wish)));
    all.push(...payouts);
    after = next;
  }
  return all;
}

/** What stands in the bank's order, and in the member's statement. */
const remittance = ({ month, member }: Payout): string => `${month} ${member}`;
const head = ['MEMBER', 'TERRITORY', 'NAME', 'IBAN', 'AMOUNT', 'CURRENCY', 'TEXT', 'STATE', 'PAID', 'REFERENCE'];
const row = (one: Payout): string[] => {
  const paid = one.state === 'paid' ? one.entries.at(-1) : undefined;
  return [
    ...[one.member, one.territory, one.payee?.name ?? '', one.payee?.iban ?? '', one.amount, one.currency],
    ...[remittance(one), one.state, paid ? when(paid.at) : '', paid?.reference ?? ''],
  ];
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, due: flag, ...outputs });
  const [month, ...rest] = positionals;
  noMore(rest);
  const all = await allOf(asking(values.dir), required(month, 'the month'));
  const wanted = values.due ? all.filter((one) => one.state === 'due' && !one.amount.startsWith('-')) : all;
  tellRows(out, values, wanted, [head, ...wanted.map(row)]);
};

async function mark(args: string[], { out }: Parameters<Command>[1], verb: 'done' | 'returned'): Promise<void> {
  const why = verb === 'done' ? 'reference' : 'reason';
  const options = { dir: text, currency: text, territory: text, json: flag, [why]: text };
  const { values, positionals } = readArguments(args, options);
  const [month, member, ...rest] = positionals;
  noMore(rest);
  const { currency, territory } = values;
  const said = (values as Record<string, string | undefined>)[why];
  const wish = {
    ...{
      month: required(month, 'the month'),
      member: required(member, 'the member'),
      [why]: required(said, `--${why}`),
    },
    ...(currency === undefined ? {} : { currency }),
    ...(territory === undefined ? {} : { territory }),
  };
  const now = answered(check(Payout, await asking(values.dir)(`payout.${verb}`, wish)));
  tellDone(out, values, now, `${now.member}, ${now.month}: ${now.amount} ${now.currency} ${now.state}`);
}

const payee: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, name: text, iban: text, json: flag });
  const [member, ...rest] = positionals;
  noMore(rest);
  const iban = required(values.iban, '--iban').replaceAll(' ', '').toUpperCase();
  const wish = { member: required(member, 'the member'), name: required(values.name, '--name'), iban };
  const now = answered(check(Payee, await asking(values.dir)('payout.payee', wish)));
  tellDone(out, values, now, `${now.member} is paid as ${now.name}, ${now.iban}`);
};

const verbs: Record<string, Command | undefined> = {
  ...{ list, payee, done: (args, io) => mark(args, io, 'done'), returned: (args, io) => mark(args, io, 'returned') },
};

export const payout: Command = async ([name = '', ...args], io) => {
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) throw new Refusal('arguments-invalid', `payout is followed by ${Object.keys(verbs).join(', ')}`);
  await verb(args, io);
};
