/** `account`: months, rated and closed; what owners owe, what members have, what is given back, and by which shares. */
import { Type } from 'typebox';
import { memberTable, ownerTable } from '#common/accounts/tables.js';
import { when } from '#common/columns.js';
import { AccountMonth, Credit, MemberAccount, OwnerAccount } from '#contract/accounts.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { pageSize } from '../operations.js';
import { invoice, invoices, seller } from './account-invoices.js';
import { closing, development, schedule } from './account-settings.js';
import { noMore, readArguments, required, text } from './arguments.js';
import { type Ask, asking } from './ask.js';
import type { Command, Io } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const Months = Type.Array(AccountMonth);
const monthHead = ['MONTH', 'STATE', 'CLOSED', 'BOXES', 'CURRENCY', 'OWNERS', 'MEMBERS', 'TERRITORY', 'ALLIANCE'];
const monthRows = ({ month, state, closedAt, owners, totals }: AccountMonth): string[][] => {
  const start = [month, state, closedAt === null ? '' : when(closedAt), String(owners)];
  if (totals.length === 0) return [[...start, '', '', '', '', '']];
  return totals.map((one) => [...start, one.currency, one.owners, one.members, one.provider, one.alliance]);
};

async function pages<T>(
  ask: Ask,
  operation: string,
  month: string,
  read: (page: unknown) => T[],
  keyOf: (one: T) => string,
) {
  const all: T[] = [];
  for (;;) {
    const last = all.at(-1);
    const after = last === undefined ? {} : { after: keyOf(last) };
    const page = read(await ask(operation, { month, limit: pageSize, ...after }));
    all.push(...page);
    if (page.length < pageSize) return all;
  }
}

const readOwners = (page: unknown) => answered(check(Type.Array(OwnerAccount), page));
const readMembers = (page: unknown) => answered(check(Type.Array(MemberAccount), page));

function monthAnd(args: string[]) {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  const [month, ...rest] = positionals;
  return { values, month: required(month, 'the month'), rest, ask: asking(values.dir) };
}

async function close(args: string[], { out }: Io): Promise<void> {
  const { values, month, rest, ask } = monthAnd(args);
  noMore(rest);
  const closed = answered(check(AccountMonth, await ask('account.close', { month })));
  tellRows(out, values, closed, [monthHead, ...monthRows(closed)]);
}

async function list(args: string[], { out }: Io): Promise<void> {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const months = answered(check(Months, await asking(values.dir)('account.list', {})));
  tellRows(out, values, months, [monthHead, ...months.flatMap(monthRows)]);
}

async function owners(args: string[], { out }: Io): Promise<void> {
  const { values, month, rest, ask } = monthAnd(args);
  noMore(rest);
  const all = await pages(ask, 'account.owners.list', month, readOwners, ({ box }) => box);
  tellRows(out, values, all, [ownerTable.head, ...all.flatMap(ownerTable.rows)]);
}

async function members(args: string[], { out }: Io): Promise<void> {
  const { values, month, rest, ask } = monthAnd(args);
  noMore(rest);
  const all = await pages(ask, 'account.members.list', month, readMembers, (one) => `${one.territory}!${one.member}`);
  const [own] = new Set(all.map(({ territory }) => territory)).size === 1 ? all.map(({ territory }) => territory) : [];
  tellRows(out, values, all, [memberTable.head, ...all.flatMap((one) => memberTable.rows(one, own))]);
}

async function show(args: string[], { out }: Io): Promise<void> {
  const { values, month, rest, ask } = monthAnd(args);
  const [box, ...more] = rest;
  noMore(more);
  const account = answered(check(OwnerAccount, await ask('account.show', { month, box: required(box, 'the box') })));
  const sums = account.sums.map(({ currency, amount }) => [
    ...['', '', '', '', 'all of it', account.month, '', '', '', amount, currency],
  ]);
  tellRows(out, values, account, [ownerTable.head, ...ownerTable.rows(account), ...(values.csv ? [] : sums)]);
}

const Verified = Type.Object({ months: Type.Integer(), altered: Type.Union([Type.String(), Type.Null()]) });
async function verify(args: string[], { out }: Io): Promise<void> {
  const { values, positionals } = readArguments(args, { dir: text });
  noMore(positionals);
  const ask = asking(values.dir);
  const { months, altered } = answered(check(Verified, await ask('account.verify.read', {})));
  if (altered !== null) throw new Refusal('account-altered', altered);
  const last = answered(check(Months, await ask('account.list', {}))).findLast(({ state }) => state === 'closed');
  out(last ? `${months} months are as they were closed; ${last.month}: ${last.sha256}` : 'no month is closed');
}

async function credit(args: string[], { out }: Io): Promise<void> {
  const options = { dir: text, month: text, amount: text, reason: text, ...outputs };
  const { values, positionals } = readArguments(args, options);
  const [agreement, ...rest] = positionals;
  noMore(rest);
  const wish = {
    agreement: required(agreement, 'the agreement'),
    period: required(values.month, '--month'),
    amount: required(values.amount, '--amount'),
    reason: required(values.reason, '--reason'),
  };
  const made = answered(check(Credit, await asking(values.dir)('account.credit', wish)));
  tellDone(out, values, made, `${made.id}: ${made.amount} go back to ${made.box} with the next month that is closed`);
}

const verbs: Record<string, Command | undefined> = {
  ...{ close, list, owners, members, show, verify, credit, schedule, development, closing },
  ...{ seller, invoice, invoices },
};

export const account: Command = async ([name = '', ...args], io) => {
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) throw new Refusal('arguments-invalid', `account is followed by ${Object.keys(verbs).join(', ')}`);
  await verb(args, io);
};
