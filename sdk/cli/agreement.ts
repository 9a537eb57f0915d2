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

/** A table of what the member's territory says, or all of it as JSON. */
function listing<T>(
  ask: Parameters<typeof withMember<T[]>>[2],
  head: string[],
  rowsOf: (one: T) => string[][],
): Command {
  return async (args, { out, env }) => {
    const { values, positionals } = readArguments(args, options);
    noMoreThan(0, positionals);
    const folder = memberFolder({ directory: memberPlace(values.member, env), files });
    const all = await withMember(values, folder, ask);
    if (values.json) out(JSON.stringify(all, null, 2));
    else for (const line of table([head, ...all.flatMap(rowsOf)])) out(line);
    return true;
  };
}

const list = listing(
  listAgreements,
  ['AGREEMENT', 'APP', 'VERSION', 'PLAN', 'CLASS', 'PRICE', 'AGREED', 'STATE'],
  (one) => [
    [
      ...[one.id, one.app, one.version, one.plan.id, one.class.is, pricesText(one.plan), when(one.at)],
      one.ended ? `ended ${when(one.ended.at)}: ${one.ended.why}` : one.since === null ? 'agreed' : 'holds',
    ],
  ],
);

const usage = listing(listStatements, usageHead, (one) => [usageRow(one)]);

const income = listing(
  listAccounts,
  ['MONTH', 'ABOUT', 'CURRENCY', 'CHARGED', 'SHARE', 'DISCOUNT', 'ALLIANCE', 'INCOME'],
  ({ month, lines }) =>
    lines.map((line) => [
      ...[month, line.period, line.currency, line.gross, line.share, line.discount, line.alliance, line.income],
    ]),
);

export const agreement: Command = async ([verb = '', ...rest], io) => {
  if (verb === 'list') return list(rest, io);
  if (verb === 'usage') return usage(rest, io);
  if (verb === 'income') return income(rest, io);
  throw new Refusal('arguments-invalid', 'agreement is followed by list, usage or income');
};
