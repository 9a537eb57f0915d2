/** `agreement list`: what owners have agreed to with members. */
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { pricesText } from '#common/plan-text.js';
import { ProviderAgreement } from '#contract/agreements.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';

const Page = Type.Array(ProviderAgreement);

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, box: text, member: text, json: flag });
  noMore(positionals);
  const { dir, box, member } = values;
  const ask = asking(dir);
  const about = { ...(box === undefined ? {} : { box }), ...(member === undefined ? {} : { member }) };
  const all = await askAll(
    (operation, page) => ask(operation, { ...(page as object), ...about }),
    'agreement.list',
    (page) => {
      const read = check(Page, page);
      if (!read.ok) throw new Error(`cannot read the answer: ${describeFaults(read.faults)}`);
      return read.value;
    },
  );
  if (values.json) return out(JSON.stringify(all));
  const rows = all.map((one) => [
    ...[one.id, one.box, one.member, one.app, one.plan.id, one.class.is, pricesText(one.plan)],
    ...[
      when(one.at),
      one.ended ? `ended ${when(one.ended.at)}: ${one.ended.why}` : one.since === null ? 'agreed' : 'holds',
    ],
  ]);
  const head = ['AGREEMENT', 'BOX', 'MEMBER', 'APP', 'PLAN', 'CLASS', 'PRICE', 'AGREED', 'STATE'];
  for (const line of table([head, ...rows])) out(line);
};

export const agreement: Command = async ([name = '', ...args], io) => {
  if (name !== 'list') throw new Refusal('arguments-invalid', 'agreement is followed by list');
  await list(args, io);
};
