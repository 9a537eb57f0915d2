/** `case open | notice | hearing | receive | court | close | list | show | document`: how a member is heard before anything is decided. */
import path from 'node:path';
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { caseHead, caseRow, caseRows } from '#common/members/case-words.js';
import { CaseView, leastNoticeDays, MemberCase, mostNoticeDays, usualNoticeDays } from '#contract/cases.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { pageSize } from '../operations.js';
import { flag, noMore, type Options, readArguments, required, text, wholeNumber } from './arguments.js';
import { type Ask, asking } from './ask.js';
import type { Command } from './command.js';

function answered<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
}
const view = (answer: unknown): CaseView => answered(check(CaseView, answer));

/** So many words, each said to be there; and where to ask. */
function given<T extends Options>(args: string[], options: T, words: readonly string[]) {
  const { values, positionals } = readArguments(args, { ...options, dir: text });
  noMore(positionals.slice(words.length));
  const named = words.map((word, index) => required(positionals[index], word));
  const { dir } = values as { dir?: string };
  return { values, named, ask: asking(dir) };
}

const theCase = 'the id of the case';
const theText = 'the file of the text';

const open: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { kind: text, by: text }, ['the id of the member', theText]);
  const [member = '', file = ''] = named;
  const kind = values.kind ?? 'complaint';
  const wish = { member, kind, by: required(values.by, '--by'), file: path.resolve(file) };
  const { case: it } = view(await ask('case.open', wish));
  out(`${it.id} about member ${it.member} is opened: give notice of it`);
};

const notice: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { days: text, out: text }, [theCase, theText]);
  const [id = '', file = ''] = named;
  const days = wholeNumber(values.days ?? String(usualNoticeDays), '--days', [leastNoticeDays, mostNoticeDays]);
  const { case: it, steps } = view(await ask('case.notice', { case: id, days, file: path.resolve(file) }));
  out(`member ${it.member} can answer until ${when(it.answerBy ?? 0)}`);
  const sha256 = steps.at(-1)?.sha256;
  if (values.out !== undefined) await write(ask, { id, sha256, file: values.out }, out);
};

async function write(
  ask: Ask,
  { id, sha256, file }: { id: string; sha256: string | undefined; file: string },
  out: (line: string) => void,
): Promise<void> {
  const all = answered(check(MemberCase.properties.documents, await ask('case.documents.read', { case: id })));
  const found = all.find((one) => one.sha256 === sha256);
  if (!found) throw new Refusal('arguments-invalid', `${id} has no such document: case show lists them`);
  await files.write(path.resolve(file), `${found.jws}\n`, 0o600);
  out(`the ${found.kind}, as it was signed, is in ${path.resolve(file)}`);
}

const document: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { out: text }, [theCase, 'the SHA-256 of the document']);
  const [id = '', sha256 = ''] = named;
  await write(ask, { id, sha256, file: required(values.out, '--out') }, out);
};

const hearing: Command = async (args, { out }) => {
  const { named, ask } = given(args, {}, [theCase, theText]);
  const [id = '', file = ''] = named;
  const { case: it } = view(await ask('case.hearing', { case: id, file: path.resolve(file) }));
  out(`${it.id} has the records of ${it.hearings} hearings`);
};

const receive: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { review: flag }, [theCase, theText]);
  const [id = '', file = ''] = named;
  const kind = values.review ? 'review' : 'answer';
  const { case: it } = view(await ask('case.receive', { case: id, kind, file: path.resolve(file) }));
  out(`${it.id} has the member's ${kind}; it is ${it.state}`);
};

const court: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { court: text, outcome: text }, [theCase, theText]);
  const [id = '', file = ''] = named;
  const wish = {
    ...{ case: id, file: path.resolve(file) },
    ...{ court: required(values.court, '--court'), outcome: required(values.outcome, '--outcome') },
  };
  const { case: it, due } = view(await ask('case.court', wish));
  out(`${it.id}: what the court decided is ${it.court}${due.length > 0 ? `; due: ${due[0]?.what}` : ''}`);
};

const close: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { reason: text, by: text }, [theCase]);
  const wish = { case: named[0], reason: required(values.reason, '--reason'), by: required(values.by, '--by') };
  out(`${view(await ask('case.close', wish)).case.id} is closed`);
};

const list: Command = async (args, { out }) => {
  const { values, ask } = given(args, { member: text, json: flag }, []);
  const all: CaseView[] = [];
  for (let isMore = true; isMore; ) {
    const after = all.at(-1)?.case.id;
    const wish = { limit: pageSize, ...(values.member && { member: values.member }), ...(after && { after }) };
    const page = answered(check(Type.Array(CaseView), await ask('case.list', wish)));
    all.push(...page);
    isMore = page.length === pageSize;
  }
  if (values.json) return out(JSON.stringify(all));
  for (const line of table([caseHead, ...all.map(caseRow)])) out(line);
};

const show: Command = async (args, { out }) => {
  const { values, named, ask } = given(args, { json: flag }, [theCase]);
  const found = view(await ask('case.show', { case: named[0] }));
  if (values.json) return out(JSON.stringify(found));
  for (const line of table(caseRows(found))) out(line);
};

const verbs: Record<string, Command | undefined> = {
  ...{ open, notice, hearing, receive, court, close, list, show, document },
};

export const caseCommand: Command = async ([name = '', ...args], io) => {
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) throw new Refusal('arguments-invalid', `case is followed by one of: ${Object.keys(verbs).join(', ')}`);
  await verb(args, io);
};
