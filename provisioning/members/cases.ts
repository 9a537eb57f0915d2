/**
 * Cases at the provider: opened, noticed, answered, heard, reviewed and closed. What is decided in them is decided where
 * members' standing is (standing.ts). The text of each step is kept here, its hash stands in the register.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { hashOfDocument, signCaseDocument, verifyCaseStatement } from '#common/members/case-document.js';
import { dueOf } from '#common/members/case-due.js';
import {
  CaseDocument,
  type CaseKind,
  type CaseStatement,
  type CaseView,
  type CourtOutcome,
  type DocumentKind,
  type MemberCase,
} from '#contract/cases.js';
import type { MemberRecord } from '#contract/member-register.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { CaseRecord } from '../store/members.js';
import type { Store } from '../store/store.js';
import type { CaseBook } from './case-book.js';
import { interimEnded, isInterimOf } from './interim.js';
import type { Decision, Register } from './register.js';
import type { SigningKeys } from './signing-key.js';

export interface Cases {
  /** @throws Refusal `member-unknown`, `case-document` as all that take a text */
  open(wish: { member: string; kind: CaseKind; by: string; text: string }): Promise<CaseView>;
  /** The member can answer for so many days. @throws Refusal `case-unknown`, `case-…` as all that follow */
  notice(id: string, wish: { days: number; text: string }): Promise<CaseView>;
  /** What was said and by which offices, or that the member was invited and did not come. */
  hear(id: string, text: string): Promise<CaseView>;
  /** What the member sent on paper. */
  receive(id: string, kind: CaseStatement['kind'], text: string): Promise<CaseView>;
  /** What the member signed; again the same is taken once. @throws Refusal `case-statement` as well */
  state(member: string, id: string, statement: string): Promise<CaseView>;
  court(id: string, wish: { court: string; outcome: CourtOutcome; text: string }): Promise<CaseView>;
  close(id: string, wish: { reason: string; by: string }): Promise<CaseView>;
  /** Newest first, behind the one that is named. */
  list(wish?: { member?: string | undefined; after?: string | undefined; limit?: number }): CaseView[];
  show(id: string): CaseView;
  /** The same for the member that it is about: that it has read it is written down. */
  read(id: string): Promise<CaseView>;
  documents(id: string): Promise<MemberCase['documents']>;
}

/** What passes between saying how many days there are and writing it down must not make them fewer. */
const leeway = 60_000;
const day = 86_400_000;
const typeOf = { answer: 'case.answered', review: 'case.review-asked' } as const;

export function createCases({
  store,
  register,
  book,
  clock,
  signing,
  territory,
  show: showMember,
}: {
  store: Store;
  register: Pick<Register, 'decide'>;
  book: CaseBook;
  clock: Clock;
  signing: Pick<SigningKeys, 'key'>;
  territory: string;
  show: (member: string) => MemberRecord;
}): Cases {
  const viewOf = (record: CaseRecord): CaseView => ({ ...record, due: dueOf(record.case, clock.now()) });
  const show = (id: string): CaseView => viewOf(book.find(id));

  async function signed(wish: Omit<CaseDocument, 'territory' | 'at'>): Promise<string> {
    const document = check(CaseDocument, { ...wish, territory, at: clock.now() });
    if (!document.ok) throw new Refusal('case-document', describeFaults(document.faults));
    return signCaseDocument({ key: signing.key(), document: document.value });
  }

  const kept = (id: string, kind: DocumentKind, jws: string): Operation => ({
    ...{ type: 'put', sublevel: store.caseDocuments, key: `${id}!${hashOfDocument(jws)}`, value: { kind, jws } },
  });

  /** A step that stands on a document of the office. */
  async function step(
    id: string,
    { type, kind, text, facts = {} }: { type: string; kind: DocumentKind; text: string; facts?: Decision['facts'] },
  ): Promise<CaseView> {
    const { member } = book.find(id).case;
    const { answerBy } = facts;
    const jws = await signed({ case: id, member, kind, text, ...(typeof answerBy === 'number' && { answerBy }) });
    await register.decide(() => ({
      ...{ type, facts: { case: id, member, sha256: hashOfDocument(jws), ...facts } },
      ...{ text: `${id} about member ${member}: ${kind}`, more: [kept(id, kind, jws)] },
    }));
    return show(id);
  }

  return {
    async open({ member, kind, by, text }) {
      showMember(member);
      const id = `case-${randomBytes(6).toString('hex')}`;
      const jws = await signed({ case: id, member, kind, text });
      await register.decide(() => ({
        ...{ type: 'case.opened', facts: { case: id, member, kind, by, sha256: hashOfDocument(jws) } },
        ...{ text: `${id} about member ${member} is opened: ${kind}`, more: [kept(id, kind, jws)] },
      }));
      return show(id);
    },
    notice: (id, { days, text }) =>
      step(id, {
        ...{ type: 'case.noticed', kind: 'notice', text },
        facts: { answerBy: clock.now() + days * day + leeway },
      }),
    hear: (id, text) => step(id, { type: 'case.heard', kind: 'hearing', text }),
    receive: (id, kind, text) => step(id, { type: typeOf[kind], kind, text }),
    court: (id, { court, outcome, text }) =>
      step(id, { type: 'case.court', kind: 'court', text, facts: { court, outcome } }),
    async state(member, id, statement) {
      const { case: it } = book.find(id);
      if (it.member !== member) throw new Refusal('case-unknown', id); // whose it is, is nobody else's to learn here
      const read = await verifyCaseStatement(statement, [showMember(member).jwk]);
      if (!read.ok) throw new Refusal('case-statement', `it is ${read.fault}`);
      const { document } = read;
      if (document.case !== id || document.member !== member || document.territory !== territory)
        throw new Refusal('case-statement', `it is about ${document.case}`);
      const sha256 = hashOfDocument(statement);
      await register.decide(() => {
        if (book.find(id).steps.some((one) => one.sha256 === sha256)) return undefined;
        const { kind } = document;
        return {
          ...{ type: typeOf[kind], facts: { case: id, member, sha256 } },
          ...{ text: `${id}: member ${member} has sent: ${kind}`, more: [kept(id, kind, statement)] },
        };
      });
      return show(id);
    },
    async close(id, { reason, by }) {
      await register.decide(() => {
        const { case: it } = book.find(id);
        const member = showMember(it.member);
        const text = `${id} about member ${member.id} is closed: ${reason}`;
        const closed = { type: 'case.closed', facts: { case: id, member: member.id, reason, by }, text };
        if (!isInterimOf(member, it)) return closed;
        return { ...closed, records: interimEnded(member, { at: clock.now(), reason }) };
      });
      return show(id);
    },
    list({ member, after, limit } = {}) {
      const all = [...book.all()]
        .filter(({ case: it }) => member === undefined || it.member === member)
        .sort((a, b) => (b.steps[0]?.entry ?? 0) - (a.steps[0]?.entry ?? 0));
      const from = after === undefined ? 0 : all.findIndex(({ case: { id } }) => id === after) + 1;
      return all.slice(from, limit === undefined ? undefined : from + limit).map(viewOf);
    },
    show,
    async read(id) {
      // In turn with what is decided, and no decision.
      await register.decide(async () => {
        const seen = book.read(id, clock.now());
        if (seen) await store.commit([seen.operation]);
        seen?.keep();
        return undefined;
      });
      return show(id);
    },
    async documents(id) {
      const found = book.find(id).steps.map(async ({ sha256 }) => {
        const one = sha256 === undefined ? undefined : await store.caseDocuments.get(`${id}!${sha256}`);
        return one && sha256 !== undefined ? [{ ...one, sha256 }] : [];
      });
      return (await Promise.all(found)).flat();
    },
  };
}
