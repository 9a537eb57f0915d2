/**
 * `member admit | list | show | level | suspend | reinstate | expel | succeed | succession | key | credential | keys |
 * policy | ledger | panel | resolve`
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { timeOf } from '#common/members/iso.js';
import { CapabilityKind } from '#contract/capabilities.js';
import { MemberKeys } from '#contract/member.js';
import { LevelPolicy, MemberRecord } from '#contract/member-register.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { AppSuccessions, Succession } from '#contract/succession.js';
import { fileText, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';
import { ledger } from './member-ledger.js';
import { panel, resolve } from './member-panel.js';

const many = { type: 'string', multiple: true } as const;
const aboutDecision = { reason: text, 'decided-by': text, review: text } as const;
const aboutCase = { case: text, 'review-days': text } as const;
const aboutVetting = { vetted: text, by: text, on: text, evidence: text, charter: text } as const;

function answered<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
}
const record = (answer: unknown): MemberRecord => answered(check(MemberRecord, answer));

function one(positionals: readonly string[], what = 'the id of the member'): string {
  const [id, ...rest] = positionals;
  noMore(rest);
  return required(id, what);
}

type Given = Partial<
  Record<'reason' | 'decided-by' | 'review' | 'vetted' | 'by' | 'on' | 'evidence', string | undefined>
>;

const decided = (values: Given) => ({
  reason: required(values.reason, '--reason'),
  decidedBy: required(values['decided-by'], '--decided-by'),
  ...(values.review === undefined ? {} : { review: required(values.review, '--review') }),
});

const inCase = (values: { case?: string | undefined; 'review-days'?: string | undefined }) => ({
  ...(values.case !== undefined && { case: values.case }),
  ...(values['review-days'] !== undefined && { reviewDays: values['review-days'] }),
});

/** Midnight in UTC. */
function dayOf(value: string): number {
  const at = /^\d{4}-\d\d-\d\d$/.test(value) ? timeOf(`${value}T00:00:00Z`) : Number.NaN;
  if (!(at <= Date.now())) throw new Refusal('arguments-invalid', '--on is a day such as 2026-11-30, and not to come');
  return at;
}

async function vetting(values: Given) {
  const file = values.evidence;
  const evidence = file === undefined ? undefined : await readFile(file).catch(unreadable(file));
  return {
    what: required(values.vetted, '--vetted'),
    by: required(values.by, '--by'),
    ...(values.on === undefined ? {} : { at: dayOf(values.on) }),
    ...(evidence && { evidenceSha256: createHash('sha256').update(evidence).digest('hex') }),
  };
}
const unreadable = (file: string) => (error: unknown) => {
  throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
};

const level = (value: string | undefined) => wholeNumber(required(value, 'the vetting level'), 'the level', [1, 3]);

const admit: Command = async (args, { out }) => {
  const options = { dir: text, id: text, level: text, ...aboutVetting };
  const { values, positionals } = readArguments(args, options);
  const request = (await fileText(one(positionals, 'the file of the request'))).trim();
  const id = required(values.id, '--id');
  const wish = { id, level: level(values.level), charterVersion: required(values.charter, '--charter') };
  const ask = asking(values.dir);
  const member = record(await ask('member.admit', { request, ...wish, vetting: await vetting(values) }));
  out(`member ${member.id} is admitted: ${member.class} ${member.name}, level ${member.level}`);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const parse = (answer: unknown) => answered(check(Type.Array(MemberRecord), answer));
  const members = await askAll(asking(values.dir), 'member.list', parse);
  if (values.json) return out(JSON.stringify(members));
  const rows = members.map((member) => [
    member.id,
    member.class,
    String(member.level),
    member.standing,
    when(member.since),
    member.name,
  ]);
  for (const line of table([['ID', 'CLASS', 'LEVEL', 'STANDING', 'SINCE', 'NAME'], ...rows])) out(line);
};

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const member = record(await asking(values.dir)('member.show', { member: one(positionals) }));
  if (values.json) return out(JSON.stringify(member));
  const rows = [
    ['id', member.id],
    ['name', member.name],
    ['class', member.class],
    ...(member.contact === undefined ? [] : [['contact', member.contact]]),
    ['standing', member.standing],
    ['level', String(member.level)],
    ['charter', member.charterVersion],
    ['since', when(member.since)],
    ['key', member.jwk.kid],
    ['credential until', when(member.credentialUntil)],
    ...member.vetting.map(({ what, by, at, evidenceSha256 }) => [
      'checked',
      `${when(at)}, ${what}, by ${by}${evidenceSha256 === undefined ? '' : `, evidence ${evidenceSha256}`}`,
    ]),
    ...member.history.map(({ at, act, entry, reason, by, review }) => [
      act.replace('member.', ''),
      [when(at), reason, by && `by ${by}`, review && `review: ${review}`, `entry ${entry}`].filter(Boolean).join(', '),
    ]),
  ];
  for (const line of table(rows)) out(line);
};

const setLevel: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...aboutVetting });
  const [member = '', wished, ...rest] = positionals;
  noMore(rest);
  const charter = values.charter === undefined ? {} : { charterVersion: values.charter };
  const wish = { member: one([member]), level: level(wished), ...charter, vetting: await vetting(values) };
  const now = record(await asking(values.dir)('member.level', wish));
  out(`member ${now.id} has level ${now.level}`);
};

const decision =
  (operation: 'suspend' | 'reinstate' | 'expel'): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, {
      ...aboutCase,
      dir: text,
      'interim-days': text,
      ...aboutDecision,
    });
    const member = one(positionals);
    const days = values['interim-days'];
    if (days !== undefined) {
      if (operation !== 'suspend') throw new Refusal('arguments-invalid', '--interim-days goes with suspend');
      const wish = {
        member,
        days: wholeNumber(days, '--interim-days', [1, 30]),
        ...decided(values),
        ...inCase(values),
      };
      const { interimUntil } = record(await asking(values.dir)('member.suspend-until', wish));
      return out(`member ${member} is suspended until ${when(interimUntil ?? 0)}, or a panel decides`);
    }
    // Who is put out must be told where to turn.
    if (operation === 'expel') required(values.review, '--review');
    const now = record(
      await asking(values.dir)(`member.${operation}`, { member, ...decided(values), ...inCase(values) }),
    );
    out(`member ${now.id} is ${now.standing === 'good' ? 'in good standing' : now.standing}`);
  };

const succeed: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, app: many, ...aboutDecision });
  const [from, to, ...rest] = positionals;
  noMore(rest);
  // Its owners are told where to turn, and so is who gave it up against their will.
  required(values.review, '--review');
  const wish = {
    member: required(from, 'the member that the apps pass from'),
    to: required(to, 'the member that they pass to'),
    ...(values.app === undefined ? {} : { apps: values.app }),
  };
  const made = answered(check(Succession, await asking(values.dir)('member.succeed', { ...wish, ...decided(values) })));
  for (const id of made.apps) out(`${id} passes from ${made.from.member} to ${made.to.member}, serial ${made.serial}`);
};

const succession: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  const known = await asking(values.dir)('member.succession', { app: one(positionals, 'the app') });
  out(JSON.stringify(answered(check(AppSuccessions, known))));
};

const key: Command = async (args, { out }) => {
  const options = { dir: text, rotation: text, request: text, ...aboutDecision };
  const { values, positionals } = readArguments(args, options);
  const member = one(positionals);
  if ((values.rotation === undefined) === (values.request === undefined))
    throw new Refusal('arguments-invalid', 'give --rotation, or --request for a key that was lost');
  const ask = asking(values.dir);
  const answer =
    values.rotation === undefined
      ? await ask('member.replace-key', {
          ...{ member, ...decided(values) },
          request: (await fileText(required(values.request, '--request'))).trim(),
        })
      : await ask('member.rotate', { member, rotation: (await fileText(values.rotation)).trim() });
  out(`member ${member} signs with the key ${record(answer).jwk.kid}`);
};

const credential: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, out: text });
  const member = one(positionals);
  const jwt = answered(check(Type.String(), await asking(values.dir)('member.credential', { member })));
  if (values.out === undefined) return out(jwt);
  await files.write(path.resolve(values.out), `${jwt}\n`, 0o644);
  out(`the credential of ${member} is in ${path.resolve(values.out)}`);
};

const keys: Command = async (args, { out }) => {
  const options = { dir: text, next: flag, roll: flag, compromised: flag, ...aboutDecision };
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  const ask = asking(values.dir);
  if (values.next && (values.roll || values.compromised))
    throw new Refusal('arguments-invalid', '--next announces a key, and --roll lets it take over');
  if (values.compromised && !values.roll) throw new Refusal('arguments-invalid', '--compromised goes with --roll');
  if (values.next) await ask('member.announce-key', {});
  if (values.roll) await ask('member.roll-key', { compromised: values.compromised === true, ...decided(values) });
  out(JSON.stringify(answered(check(MemberKeys, await ask('member.keys', {}))), null, 2));
};

function levelOf(pair: string): [string, number] {
  const at = pair.lastIndexOf('=');
  const kind = check(CapabilityKind, pair.slice(0, Math.max(0, at)));
  if (!kind.ok) throw new Refusal('arguments-invalid', `--set is KIND=LEVEL; ${describeFaults(kind.faults)}`);
  return [kind.value, level(pair.slice(at + 1))];
}

const policy: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag, set: many, ...aboutDecision });
  noMore(positionals);
  const change = (values.set ?? []).map(levelOf);
  const wish = change.length === 0 ? {} : { policy: Object.fromEntries(change), ...decided(values) };
  const now = answered(check(LevelPolicy, await asking(values.dir)('member.policy', wish)));
  if (values.json) return out(JSON.stringify(now));
  const rows = Object.entries(now).map(([kind, from]) => [kind, String(from)]);
  for (const line of table([['PERMISSION', 'FROM LEVEL'], ...rows])) out(line);
};

const commands: Record<string, Command | undefined> = {
  ...{ succeed, succession, panel, resolve },
  ...{ admit, list, show, level: setLevel, key, credential, keys, policy, ledger },
  suspend: decision('suspend'),
  reinstate: decision('reinstate'),
  expel: decision('expel'),
};

export const member: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new Refusal('arguments-invalid', `member is followed by one of: ${Object.keys(commands).join(', ')}`);
  await command(args, io);
};
