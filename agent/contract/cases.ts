/**
 * Cases: how a member is heard before something is decided about it.
 *
 * A complaint or a finding opens a case. Each step that the public may know is an entry of the register (register.ts) that
 * names the case, with the SHA-256 of the document that it stands on; the document stays with the provider, the member, and
 * whoever they show it to. Documents of the office are compact JWS (ES256) by the territory's member-signing key, statements
 * of the member by the member's: so neither can say later that it said something else, and nobody guesses a short text
 * from its hash.
 *
 *   GET  /v1/cases                   member: MemberCases
 *   GET  /v1/cases/{id}              member: MemberCase
 *   POST /v1/cases/{id}/statements   member: NewStatement, answered by CaseView
 *
 * A member reaches them whatever its standing: also while it is suspended, and when it was expelled.
 */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';
import { MemberId } from './member.js';

const closed = { additionalProperties: false } as const;
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, hex' });
const Count = Type.Integer({ minimum: 0, maximum: 1000 });

export const casesPath = '/v1/cases';
export const CaseId = Type.String({ pattern: '^case-[0-9a-f]{12}$' });

/** What a member has at least to answer, and at most, in days. */
export const leastNoticeDays = 7;
export const mostNoticeDays = 90;
export const usualNoticeDays = 14;
/** Within how many days of a decision the member can ask for its review; the decision says how many. */
export const leastReviewDays = 14;
export const mostReviewDays = 90;
export const usualReviewDays = 30;
/** Of each kind of step that can be repeated. */
export const mostRepeated = 20;

/** What a decision about a member says of the case that it ends: which, and for how many days its review can be asked for. */
export const InCase = Type.Object({
  case: Type.Optional(CaseId),
  reviewDays: Type.Optional(Type.String({ pattern: '^[0-9]{1,2}$' })),
});
export type InCase = Static<typeof InCase>;

export const CaseKind = Type.Union([Type.Literal('complaint'), Type.Literal('finding')], {
  description: "complaint: somebody's; finding: the office's own",
});
export type CaseKind = Static<typeof CaseKind>;

export const CaseState = Type.Union(
  [
    Type.Literal('open'),
    Type.Literal('noticed'),
    Type.Literal('decided'),
    Type.Literal('review'),
    Type.Literal('reviewed'),
    Type.Literal('closed'),
  ],
  { description: 'noticed: the member was told, and is heard; review: asked for, and not decided' },
);
export type CaseState = Static<typeof CaseState>;

export const CaseOutcome = Type.Union([
  Type.Literal('none'),
  Type.Literal('condition'),
  Type.Literal('suspension'),
  Type.Literal('expulsion'),
]);
export type CaseOutcome = Static<typeof CaseOutcome>;

export const CourtOutcome = Type.Union([Type.Literal('confirmed'), Type.Literal('annulled'), Type.Literal('other')]);
export type CourtOutcome = Static<typeof CourtOutcome>;

/** What follows from the steps of a case, and nothing else. */
export const Case = Type.Object(
  {
    id: CaseId,
    member: MemberId,
    kind: CaseKind,
    state: CaseState,
    openedAt: Time,
    /** Until when the member can answer before anything is decided. */
    answerBy: Type.Optional(Time),
    answers: Count,
    hearings: Count,
    /** Of the first hearing. */
    heardAt: Type.Optional(Time),
    /** Suspended until then, before anything is decided. */
    interimUntil: Type.Optional(Time),
    decision: Type.Optional(Type.Object({ outcome: CaseOutcome, at: Time, reviewBy: Type.Optional(Time) }, closed)),
    review: Type.Optional(
      Type.Object(
        {
          askedAt: Time,
          at: Type.Optional(Time),
          outcome: Type.Optional(Type.Union([Type.Literal('upheld'), Type.Literal('overturned')])),
        },
        closed,
      ),
    ),
    courts: Count,
    /** The newest. */
    court: Type.Optional(CourtOutcome),
    /** By the panel, as a court had annulled the decision. */
    annulledAt: Type.Optional(Time),
    closedAt: Type.Optional(Time),
  },
  { $id: 'Case', additionalProperties: true },
);
export type Case = Static<typeof Case>;

/** A step as it stands in the register. */
export const CaseStep = Type.Object({
  /** Of the register. */
  entry: Type.Integer({ minimum: 0 }),
  at: Time,
  type: Type.String(),
  sha256: Type.Optional(Hash),
  reason: Type.Optional(Type.String()),
});
export type CaseStep = Static<typeof CaseStep>;

export const DueBy = Type.Union([
  Type.Literal('office'),
  Type.Literal('member'),
  Type.Literal('standing panel'),
  Type.Literal('review panel'),
]);
export const Due = Type.Object({
  what: Type.Union([
    Type.Literal('notice'),
    Type.Literal('answer'),
    Type.Literal('hearing'),
    Type.Literal('decision'),
    Type.Literal('ask for review'),
    Type.Literal('review'),
    Type.Literal('reinstatement'),
    Type.Literal('close'),
  ]),
  by: DueBy,
  /** What is not done by then is late, or lost where it is a right. */
  at: Time,
});
export type Due = Static<typeof Due>;

export const CaseView = Type.Object(
  {
    case: Case,
    steps: Type.Array(CaseStep, { description: 'oldest first' }),
    due: Type.Array(Due, { description: 'the most urgent first' }),
    /** When the member first read it by its key, once there was a notice to read. */
    readAt: Type.Optional(Time),
  },
  { $id: 'CaseView', additionalProperties: true },
);
export type CaseView = Static<typeof CaseView>;

/** 30,000 characters of a text, as it is signed. */
export const longestText = 30_000;
export const longestDocument = 200_000;

export const DocumentKind = Type.Union([
  Type.Literal('complaint'),
  Type.Literal('finding'),
  Type.Literal('notice'),
  Type.Literal('hearing'),
  Type.Literal('answer'),
  Type.Literal('review'),
  Type.Literal('court'),
]);
export type DocumentKind = Static<typeof DocumentKind>;

const about = {
  territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
  case: CaseId,
  member: MemberId,
  at: Time,
  text: Type.String({ minLength: 1, maxLength: longestText, pattern: '\\S' }),
} as const;

export const caseDocumentType = 'webizen-case-document+jws';
/** By the office. `answer` and `review`: of the member, as the office had them on paper. */
export const CaseDocument = Type.Object(
  { ...about, kind: DocumentKind, answerBy: Type.Optional(Time) },
  { $id: 'CaseDocument', additionalProperties: true },
);
export type CaseDocument = Static<typeof CaseDocument>;

export const caseStatementType = 'webizen-case-statement+jws';
/** By the member. `review`: that it asks for the review of what was decided, and why. */
export const CaseStatement = Type.Object(
  { ...about, kind: Type.Union([Type.Literal('answer'), Type.Literal('review')]) },
  { $id: 'CaseStatement', additionalProperties: false },
);
export type CaseStatement = Static<typeof CaseStatement>;

const Jws = Type.String({ maxLength: longestDocument });
export const NewStatement = Type.Object({ statement: Jws }, { $id: 'NewStatement', ...closed });
export type NewStatement = Static<typeof NewStatement>;

export const MemberCases = Type.Object(
  { cases: Type.Array(CaseView, { description: 'newest first', maxItems: 100 }) },
  { $id: 'MemberCases', additionalProperties: true },
);
export type MemberCases = Static<typeof MemberCases>;

/** With every document but what opened the case: who complained may have asked not to be named to the member. */
export const MemberCase = Type.Object(
  {
    ...CaseView.properties,
    documents: Type.Array(Type.Object({ kind: DocumentKind, sha256: Hash, jws: Jws })),
  },
  { $id: 'MemberCase', additionalProperties: true },
);
export type MemberCase = Static<typeof MemberCase>;
