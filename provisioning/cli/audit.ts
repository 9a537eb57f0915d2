/** `audit list | verify | export` */
import path from 'node:path';
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { files } from '#common/files.js';
import { LedgerEntry } from '#contract/ledger.js';
import { AuditPage, outcomeType } from '#contract/operators.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { linkFault } from '../operators/audit.js';
import { noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { type Ask, asking } from './ask.js';
import type { Command } from './command.js';
import { outputs, tellRows } from './output.js';

const pageSize = 500;

function readable<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('audit-damaged', describeFaults(parsed.faults));
}

/** Every entry, each followed from the one before it. @throws Refusal `audit-damaged` */
async function* chain(ask: Ask): AsyncGenerator<LedgerEntry> {
  let before: LedgerEntry | undefined;
  for (;;) {
    const index: number = before ? before.index + 1 : 0;
    const page = readable(check(Type.Array(LedgerEntry), await ask('audit.read', { index, limit: pageSize })));
    for (const entry of page) {
      const fault = linkFault(before, entry);
      if (fault) throw new Refusal('audit-damaged', `entry ${index}: ${fault}`);
      before = entry;
      yield entry;
    }
    if (page.length < pageSize) return;
  }
}

const said = new Set(['who', 'role', 'via', 'code', 'of']);
const words = (facts: LedgerEntry['facts']): string =>
  Object.entries(facts)
    .filter(([name]) => !said.has(name))
    .map(([name, fact]) => `${name} ${fact}`)
    .join(', ');

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs, limit: text, who: text });
  noMore(positionals);
  const most = wholeNumber(values.limit ?? '50', '--limit', [1, 100_000]);
  const ask = asking(values.dir);
  const outcomes = new Map<number, LedgerEntry>();
  const acts: LedgerEntry[] = [];
  for (let before: number | undefined; acts.length < most; ) {
    const wish = { limit: pageSize, ...(before !== undefined && { before }) };
    const { entries } = readable(check(AuditPage, await ask('audit.list', wish)));
    for (const entry of entries)
      if (entry.type === outcomeType) outcomes.set(Number(entry.facts.of), entry);
      else if (values.who === undefined || entry.facts.who === values.who) acts.push(entry);
    before = entries.at(-1)?.index;
    if (entries.length < pageSize) break;
  }
  const told = acts
    .slice(0, most)
    .reverse()
    .map((act) => ({ act, end: outcomes.get(act.index) }));
  const answer = told.map(({ act, end }) => ({ ...act, outcome: end?.facts.code ?? act.facts.code ?? null }));
  const rows = told.map(({ act, end }) => [
    String(act.index),
    when(act.at),
    String(act.facts.who ?? '-'),
    String(act.facts.via ?? '-'),
    act.type,
    String(end?.facts.code ?? act.facts.code ?? '-'),
    [words(act.facts), end ? words(end.facts) : ''].filter(Boolean).join(', '),
  ]);
  tellRows(out, values, answer, [['ENTRY', 'AT', 'WHO', 'VIA', 'ACT', 'OUTCOME', 'FACTS'], ...rows]);
};

const verify: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, head: text });
  noMore(positionals);
  const [, count, noted] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(values.head ?? '') ?? [];
  if (values.head !== undefined && noted === undefined)
    throw new Refusal('arguments-invalid', '--head is N:HASH, as an earlier verification printed it');
  let last: LedgerEntry | undefined;
  let found = noted === undefined;
  for await (const entry of chain(asking(values.dir))) {
    last = entry;
    if (entry.index + 1 === Number(count)) found = entry.hash === noted;
  }
  if (!found) throw new Refusal('audit-damaged', `the head ${values.head} is no part of it`);
  out(last ? `the chain holds: head ${last.index + 1}:${last.hash}` : 'nothing has been done yet');
};

const exported: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, out: text });
  noMore(positionals);
  const file = path.resolve(required(values.out, '--out'));
  const entries: LedgerEntry[] = [];
  for await (const entry of chain(asking(values.dir))) entries.push(entry);
  await files.write(file, `${JSON.stringify({ format: 'webizen-ledger-1', ownerKeys: [], entries })}\n`, 0o600);
  out(`${entries.length} entries are in ${file}`);
};

const commands: Record<string, Command | undefined> = { list, verify, export: exported };

export const audit: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'audit is followed by list, verify or export');
  await command(args, io);
};
