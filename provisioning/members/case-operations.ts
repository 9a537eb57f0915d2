/**
 * What the operator's `case` commands ask for. Texts come as files, because whoever reaches the socket may read what we
 * may, and what is said in them is not for the log of operators' acts.
 */
import { readFile } from 'node:fs/promises';
import { type Static, type TSchema, Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import {
  CaseId,
  CaseKind,
  CaseStatement,
  type CaseView,
  CourtOutcome,
  leastNoticeDays,
  longestDocument,
  mostNoticeDays,
} from '#contract/cases.js';
import { MemberId } from '#contract/member.js';
import { Decided } from '#contract/member-register.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Cases } from './cases.js';

const File = Type.String({ pattern: '^/' });
const Words = Decided.properties.decidedBy;
const One = Type.Object({ case: CaseId });
const NewCase = Type.Object({ member: MemberId, kind: CaseKind, by: Words, file: File });
const Notice = Type.Object({
  ...{ case: CaseId, file: File },
  days: Type.Integer({ minimum: leastNoticeDays, maximum: mostNoticeDays }),
});
const WithText = Type.Object({ case: CaseId, file: File });
const OnPaper = Type.Object({ ...WithText.properties, kind: CaseStatement.properties.kind });
const Court = Type.Object({ ...WithText.properties, court: Words, outcome: CourtOutcome });
const Closing = Type.Object({ case: CaseId, reason: Decided.properties.reason, by: Words });

function wanted<T extends TSchema>(schema: T, parameters: unknown): Static<T> {
  const parsed = check(schema, parameters);
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

/** @throws Refusal `arguments-invalid`, `case-document` */
async function textIn(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
  });
  try {
    if (bytes.length <= longestDocument) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Refusal('case-document', `${file} is not UTF-8`, { cause: error });
  }
  throw new Refusal('case-document', `${file} has ${bytes.length} bytes`);
}

export function createCaseOperations({ cases, pageSize }: { cases: Cases; pageSize: number }): Handlers {
  const Page = Type.Object({
    ...{ after: Type.Optional(CaseId), member: Type.Optional(MemberId) },
    limit: Type.Integer({ minimum: 1, maximum: pageSize }),
  });
  return {
    async 'case.open'(parameters): Promise<CaseView> {
      const { file, ...wish } = wanted(NewCase, parameters);
      return cases.open({ ...wish, text: await textIn(file) });
    },
    async 'case.notice'(parameters) {
      const { case: id, days, file } = wanted(Notice, parameters);
      return cases.notice(id, { days, text: await textIn(file) });
    },
    async 'case.hearing'(parameters) {
      const { case: id, file } = wanted(WithText, parameters);
      return cases.hear(id, await textIn(file));
    },
    async 'case.receive'(parameters) {
      const { case: id, kind, file } = wanted(OnPaper, parameters);
      return cases.receive(id, kind, await textIn(file));
    },
    async 'case.court'(parameters) {
      const { case: id, file, ...wish } = wanted(Court, parameters);
      return cases.court(id, { ...wish, text: await textIn(file) });
    },
    async 'case.close'(parameters) {
      const { case: id, ...wish } = wanted(Closing, parameters);
      return cases.close(id, wish);
    },
    async 'case.show'(parameters) {
      return cases.show(wanted(One, parameters).case);
    },
    async 'case.documents.read'(parameters) {
      return cases.documents(wanted(One, parameters).case);
    },
    async 'case.list'(parameters): Promise<CaseView[]> {
      return cases.list(wanted(Page, parameters));
    },
  };
}
