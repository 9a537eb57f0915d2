/** `agreement list | usage | income`: what owners have agreed to, what was counted under it, and what months came to. */
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { pricesText, usageHead, usageRow } from '#common/plan-text.js';
import { Refusal } from '#contract/problems.js';
import { listAccounts, listAgreements, listStatements } from '../publish/agreements.js';
import { memberFolder } from '../publish/member-folder.js';
import { flag, memberPlace, noMoreThan, readArguments, text } from './arguments.js';
import type { Command } from './command.js';
import { withMember } from './territory.js';

const options = { member: text, catalogue: text, ca: text, json: flag } as const;

const list: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, options);
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const all = await withMember(values, folder, listAgreements);
  if (values.json) {
    out(JSON.stringify(all, null, 2));
    return true;
  }
  const rows = all.map((one) => [
    ...[one.id, one.app, one.version, one.plan.id, one.class.is, pricesText(one.plan), when(one.at)],
    one.ended ? `ended ${when(one.ended.at)}: ${one.ended.why}` : one.since === null ? 'agreed' : 'holds',
  ]);
  const head = ['AGREEMENT', 'APP', 'VERSION', 'PLAN', 'CLASS', 'PRICE', 'AGREED', 'STATE'];
  for (const line of table([head, ...rows])) out(line);
  return true;
};

const usage: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, options);
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const all = await withMember(values, folder, listStatements);
  if (values.json) {
    out(JSON.stringify(all, null, 2));
    return true;
  }
  for (const line of table([usageHead, ...all.map(usageRow)])) out(line);
  return true;
};

const income: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, options);
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const all = await withMember(values, folder, listAccounts);
  if (values.json) {
    out(JSON.stringify(all, null, 2));
    return true;
  }
  const rows = all.flatMap(({ month, lines }) =>
    lines.map((line) => [
      ...[month, line.period, line.currency, line.gross, line.share, line.discount, line.alliance, line.income],
    ]),
  );
  const head = ['MONTH', 'ABOUT', 'CURRENCY', 'CHARGED', 'SHARE', 'DISCOUNT', 'ALLIANCE', 'INCOME'];
  for (const line of table([head, ...rows])) out(line);
  return true;
};

export const agreement: Command = async ([verb = '', ...rest], io) => {
  if (verb === 'list') return list(rest, io);
  if (verb === 'usage') return usage(rest, io);
  if (verb === 'income') return income(rest, io);
  throw new Refusal('arguments-invalid', 'agreement is followed by list, usage or income');
};
