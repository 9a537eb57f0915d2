/** A territory with members and officers, and the commands of both sides; its time can be set ahead, for them as well. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Test } from 'tap';
import { signMemberRequest } from '#common/members/request.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { CaseView } from '#contract/cases.js';
import { MemberKeys } from '#contract/member.js';
import { MemberLedgerExport, MemberRecord } from '#contract/member-register.js';
import { check } from '#contract/parse.js';
import { answered, day, territory } from './est.js';
import { ownFolder } from './folder.js';
import { askCommandAhead } from './shifted.js';

export const review = 'write to the review panel within 30 days';
export const reasons = [
  '--reason',
  'a complaint that was upheld',
  '--decided-by',
  'the standing panel',
  '--review',
  review,
];

export async function decidingTerritory(t: Test) {
  const made = await territory(t);
  const folder = await ownFolder(t);
  const at = (name: string) => path.join(folder, name);
  const command = (name: string, args: string[]) => askCommandAhead(made.time.ahead, name, args);
  const provider = (...args: string[]) => command('webizen-provider', ['member', ...args, '--dir', made.directory]);
  const cases = (...args: string[]) => command('webizen-provider', ['case', ...args, '--dir', made.directory]);
  const officer = (...args: string[]) => command('webizen', ['officer', ...args]);
  async function done(asked: Promise<{ status: number | null; stdout: string; stderr: string }>): Promise<string> {
    const { status, stdout, stderr } = await asked;
    if (status !== 0) throw new Error(stderr);
    return stdout.trim();
  }
  const admit = async (id: string) =>
    made.ask('member.admit', {
      ...{ id, level: 1, charterVersion: '1.0', vetting: { what: 'papers', by: 'the register office' } },
      request: await signMemberRequest({ key: newPrivateKey(), name: id, class: 'var', at: made.clock.now() }),
    });
  async function panelOf(names: string[], quorum: number): Promise<string> {
    const officers = [];
    for (const name of names)
      officers.push(JSON.parse(await done(officer('keygen', '--name', `the ${name}`, '--out', at(`${name}.key`)))));
    const file = at(`${names.join('-')}.json`);
    await writeFile(file, JSON.stringify({ quorum, officers }));
    return file;
  }
  async function drawn(name: string, ...args: string[]): Promise<string> {
    await done(officer('resolve', ...args, '--territory', 'kowhai', '--out', at(name)));
    return at(name);
  }
  async function signed(file: string, ...names: string[]): Promise<string[]> {
    const args: string[] = [];
    for (const name of names) {
      await done(officer('sign', file, '--key', at(`${name}.key`), '--out', `${file}.${name}`));
      args.push('--signature', `${file}.${name}`);
    }
    return args;
  }
  const standing = async (member: string) =>
    answered(check(MemberRecord, await made.ask('member.show', { member }))).standing;
  const ledger = async () => answered(check(MemberLedgerExport, await made.ask('member.ledger', {}))).entries;
  const audit = () =>
    command('webizen', ['register', 'audit', 'kowhai', '--catalogue', made.url.origin, '--ca', made.root]);
  const panels = async () => {
    await done(provider('panel', '--set', 'review', await panelOf(['judge', 'elder'], 2)));
    await done(provider('panel', '--set', 'standing', await panelOf(['chair', 'clerk', 'warden'], 2)));
  };
  async function words(text: string): Promise<string> {
    const file = at(`words-${Math.random()}`);
    await writeFile(file, text);
    return file;
  }
  const opened = async (member: string): Promise<string> => {
    const said = await done(cases('open', member, await words('It sold what it kept.'), '--by', 'the register office'));
    return said.split(' ')[0] ?? '';
  };
  const shown = async (id: string) => answered(check(CaseView, await made.ask('case.show', { case: id })));
  const later = (days: number): void => {
    made.time.ahead += days * day;
  };
  /** A case in which the member was heard: what is drawn up from now on can be carried out. */
  async function heard(member: string, id?: string): Promise<string> {
    const about = id ?? (await opened(member));
    await done(cases('notice', about, await words('You are said to sell what you keep.'), '--days', '7'));
    await done(cases('hearing', about, await words('It was invited, and did not come.')));
    later(7.1);
    return about;
  }
  const memberKeys = async () => answered(check(MemberKeys, await made.ask('member.keys', {})));
  const inCases = { memberKeys, command, cases, words, opened, heard, later, shown };
  return {
    ...made,
    ...inCases,
    at,
    provider,
    officer,
    done,
    admit,
    panelOf,
    drawn,
    signed,
    standing,
    ledger,
    audit,
    panels,
  };
}
