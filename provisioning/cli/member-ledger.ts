/** `member ledger`: what was decided about members, checked whenever it is shown. */
import path from 'node:path';
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { verifyMemberLedger } from '#common/members/ledger.js';
import { MemberKeys } from '#contract/member.js';
import { MemberLedgerExport } from '#contract/member-register.js';
import { check, describeFaults, type Parsed, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { fileText, flag, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';

function readable<T>(parsed: Parsed<T>, code: 'member-ledger-damaged' | 'member-keys-invalid'): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal(code, describeFaults(parsed.faults));
}

/** `member` first, because that is what is looked for. */
const words = (facts: MemberLedgerExport['entries'][number]['facts']): string =>
  Object.entries(facts)
    .filter(([name]) => name !== 'member')
    .map(([name, fact]) => `${name} ${name.endsWith('At') && typeof fact === 'number' ? when(fact) : fact}`)
    .join(', ');

export const ledger: Command = async (args, { out }) => {
  const options = { dir: text, json: flag, out: text, verify: text, keys: text };
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  const given =
    values.verify === undefined
      ? check(MemberLedgerExport, await asking(values.dir)('member.ledger', {}))
      : parseJson(MemberLedgerExport, await fileText(required(values.verify, '--verify')));
  const found = readable(given, 'member-ledger-damaged');
  const keys =
    values.keys === undefined
      ? undefined
      : readable(parseJson(MemberKeys, await fileText(values.keys)), 'member-keys-invalid');
  const verdict = await verifyMemberLedger(found, keys);
  if (!verdict.ok) throw new Refusal('member-ledger-damaged', `entry ${verdict.index ?? '-'}: ${verdict.why}`);
  if (values.out !== undefined) {
    const file = path.resolve(values.out);
    await files.write(file, `${JSON.stringify(found)}\n`, 0o600);
    return out(`${found.entries.length} decisions are in ${file}`);
  }
  if (values.json) return out(JSON.stringify(found));
  const rows = found.entries.map(({ index, at, type, facts }) => [
    String(index),
    when(at),
    type.replace('member.', ''),
    String(facts.member ?? '-'),
    words(facts),
  ]);
  for (const line of table([['ENTRY', 'AT', 'DECISION', 'MEMBER', 'FACTS'], ...rows])) out(line);
  const { head } = verdict;
  out(head ? `the chain holds: ${head.length} decisions, head ${head.hash}` : 'nothing has been decided yet');
};
