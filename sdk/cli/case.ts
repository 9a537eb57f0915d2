/** `case list | show | answer | review`: what is held against the member, and what it says to that. */
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import {
  hashOfDocument,
  signCaseStatement,
  verifyCaseDocument,
  verifyCaseStatement,
} from '#common/members/case-document.js';
import { caseHead, caseRow, caseRows } from '#common/members/case-words.js';
import { CaseId, CaseStatement, type MemberCase } from '#contract/cases.js';
import type { PublicJwk } from '#contract/directory.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { listCases, showCase, stateInCase } from '../publish/cases.js';
import { memberFolder } from '../publish/member-folder.js';
import { choice, flag, memberPlace, noMoreThan, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { everKeysOf, readText, withMember } from './territory.js';

const options = { member: text, catalogue: text, ca: text } as const;

function caseIn(positionals: readonly string[]): string {
  const id = required(positionals[0], 'the id of the case');
  if (!check(CaseId, id).ok) throw new Refusal('arguments-invalid', `${id} is no id of a case: see webizen case list`);
  return id;
}

const list: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { ...options, json: flag });
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const all = await withMember(values, folder, listCases);
  if (values.json) out(JSON.stringify(all, null, 2));
  else for (const line of table([caseHead, ...all.map(caseRow)])) out(line);
  return true;
};

/** What was said in it, each part held against its signature and against the step that names it. */
async function* saidIn(found: MemberCase, keys: { office: readonly PublicJwk[]; own: PublicJwk }) {
  const named = new Set(found.steps.map(({ sha256 }) => sha256));
  for (const { kind, jws } of found.documents) {
    const byOffice = await verifyCaseDocument(jws, keys.office);
    const read = byOffice.ok ? byOffice : await verifyCaseStatement(jws, [keys.own]);
    const isRight = read.ok && read.document.case === found.case.id && named.has(hashOfDocument(jws));
    // What the member signed with a key before this one is the member's to know.
    const says = isRight ? read.document.text : 'it cannot be verified with the keys of now';
    yield ['', `-- ${kind}, ${read.ok ? when(read.document.at) : ''}`, says];
  }
}

const show: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { ...options, json: flag });
  noMoreThan(1, positionals);
  const id = caseIn(positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const own = (await folder.current()).jwk;
  const { found, office } = await withMember(values, folder, async (proven) => ({
    found: await showCase(proven, id),
    office: await everKeysOf(proven.https),
  }));
  if (values.json) {
    out(JSON.stringify(found, null, 2));
    return true;
  }
  for (const line of table(caseRows(found))) out(line);
  for await (const lines of saidIn(found, { office, own })) for (const line of lines) out(line);
  return true;
};

const state =
  (kind: CaseStatement['kind']): Command =>
  async (args, { out, env }) => {
    const { values, positionals } = readArguments(args, options);
    noMoreThan(2, positionals);
    const id = caseIn(positionals);
    const words = await readText(required(positionals[1], 'the file of the text'));
    const folder = memberFolder({ directory: memberPlace(values.member, env), files });
    const now = await withMember(values, folder, async (proven, { key, credential }) => {
      const { territory, member } = credential.credentialSubject;
      const statement = check(CaseStatement, { territory, case: id, member, kind, at: Date.now(), text: words });
      if (!statement.ok) throw new Refusal('case-document', describeFaults(statement.faults));
      return stateInCase(proven, id, await signCaseStatement({ key, statement: statement.value }));
    });
    const step = now.steps.at(-1);
    out(`${id} has your ${kind}: entry ${step?.entry} of the register, SHA-256 ${step?.sha256}`);
    for (const { what, by, at } of now.due) out(`due: ${what}, by the ${by}, until ${when(at)}`);
    return true;
  };

export const caseCommand = choice('case', {
  list: async () => list,
  show: async () => show,
  answer: async () => state('answer'),
  review: async () => state('review'),
});
