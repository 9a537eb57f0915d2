/**
 * What may follow what in a case (contract/cases.ts): one rule for the provider, which refuses what cannot follow, and for
 * whoever audits its register. Pure: of the steps as they stand there, and the times that they say.
 */
import {
  type Case,
  CaseId,
  CaseKind,
  type CaseOutcome,
  CourtOutcome,
  leastNoticeDays,
  leastReviewDays,
  mostNoticeDays,
  mostRepeated,
  mostReviewDays,
} from '#contract/cases.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { MemberId } from '#contract/member.js';
import { check } from '#contract/parse.js';
import type { Resolution } from '#contract/resolution.js';
import { isInterim, readResolution } from './resolution.js';

export type Step = Pick<LedgerEntry, 'type' | 'at' | 'facts'>;
export type CaseFault =
  | 'case-unknown'
  | 'case-other'
  | 'case-step'
  | 'case-early'
  | 'case-late'
  | 'case-time'
  | 'case-full';
type Fault = { fault: CaseFault; why: string };
export type Followed = { ok: true; now: Case } | ({ ok: false } & Fault);

const day = 86_400_000;
const not = (fault: CaseFault, why: string): Fault => ({ fault, why });
const iso = (at: number): string => new Date(at).toISOString();

/** What a step changes. `signed`: the resolution that it stands on, where there is one. */
type Rule = (before: Case, step: Step, signed: Resolution | undefined) => Partial<Case> | Fault;

const noticed: Rule = ({ state, answerBy = 0 }, { at, facts }) => {
  if (state !== 'open' && state !== 'noticed') return not('case-step', `it is ${state}`);
  const until = Number(facts.answerBy);
  const isStated = until - at >= leastNoticeDays * day && until - at <= mostNoticeDays * day && until >= answerBy;
  return isStated ? { state: 'noticed', answerBy: until } : not('case-time', `${until - at} ms`);
};

/** Something more of a kind, while the member is heard. */
const heard =
  (what: 'answers' | 'hearings'): Rule =>
  (before, { at }) => {
    if (before.state !== 'noticed') return not('case-step', `it is ${before.state}`);
    if (before[what] >= mostRepeated) return not('case-full', `${mostRepeated} ${what}`);
    const first = what === 'hearings' && before.heardAt === undefined ? { heardAt: at } : {};
    return { [what]: before[what] + 1, ...first };
  };

const suspendedForNow: Rule = ({ state }, { facts }) =>
  state === 'open' || state === 'noticed'
    ? { interimUntil: Number(facts.until) }
    : not('case-step', `it is ${state}, and a measure for a time goes before a decision`);

/** Whether it was drawn up when all was known that it needs. */
function earlyFault({ answerBy, heardAt }: Case, outcome: CaseOutcome, at: number, drawnUp: number): Fault | undefined {
  if (answerBy === undefined) return not('case-early', 'notice was not given');
  if (at < answerBy) return not('case-early', `the member can answer until ${iso(answerBy)}`);
  if (drawnUp < answerBy) return not('case-early', `it was drawn up before ${iso(answerBy)}`);
  if (drawnUp > at + day) return not('case-early', `it was drawn up for ${iso(drawnUp)}`);
  if (outcome === 'expulsion' && !(heardAt !== undefined && heardAt <= drawnUp))
    return not('case-early', 'there was no hearing before it was drawn up');
  return undefined;
}

const decided =
  (outcome: CaseOutcome): Rule =>
  (before, { at, facts }, signed) => {
    if (before.state !== 'open' && before.state !== 'noticed') return not('case-step', `it is ${before.state}`);
    if (signed && signed.panel !== 'standing') return not('case-step', 'the panel that reviews does not decide first');
    const early = earlyFault(before, outcome, at, signed?.at ?? at);
    if (early) return early;
    if (outcome === 'none') return { state: 'decided', decision: { outcome, at } };
    const days = /^[0-9]{1,2}$/.test(String(facts.reviewDays)) ? Number(facts.reviewDays) : Number.NaN;
    if (!(days >= leastReviewDays && days <= mostReviewDays)) return not('case-time', `${facts.reviewDays} days`);
    return { state: 'decided', decision: { outcome, at, reviewBy: at + days * day } };
  };

const reviewAsked: Rule = ({ state, decision }, { at }) => {
  if (state !== 'decided' || decision?.reviewBy === undefined) return not('case-step', `it is ${state}`);
  if (at > decision.reviewBy) return not('case-late', `until ${iso(decision.reviewBy)}`);
  return { state: 'review', review: { askedAt: at } };
};

const reviewed =
  (outcome: 'upheld' | 'overturned'): Rule =>
  ({ state, review }, { at }, signed) => {
    if (state !== 'review' || !review) return not('case-step', `it is ${state}`);
    if (signed?.panel !== 'review') return not('case-step', 'the panel that reviews has to sign it');
    if (signed.at < review.askedAt) return not('case-early', 'it was drawn up before the review was asked for');
    return { state: 'reviewed', review: { ...review, at, outcome } };
  };

/** The measure that the case led to holds still. */
const holds = ({ decision, review, annulledAt }: Case): boolean =>
  (decision?.outcome === 'suspension' || decision?.outcome === 'expulsion') &&
  review?.outcome !== 'overturned' &&
  annulledAt === undefined;

const reinstated: Rule = (before, step, signed) => {
  if (before.court === 'annulled' && holds(before)) return { annulledAt: step.at };
  return reviewed('overturned')(before, step, signed);
};

const inCourt: Rule = ({ decision, courts }, { facts }) => {
  const outcome = check(CourtOutcome, facts.outcome);
  if (!decision || !outcome.ok) return not('case-step', 'nothing was decided that a court could have judged');
  if (courts >= mostRepeated) return not('case-full', `${mostRepeated} courts`);
  return { courts: courts + 1, court: outcome.value };
};

const passedOn: Rule = (before) =>
  before.decision?.outcome === 'expulsion' && holds(before) ? {} : not('case-step', 'it led to no expulsion');

const closed: Rule = ({ state, decision }, { at }) => {
  if (state === 'closed' || state === 'review') return not('case-step', `it is ${state}`);
  const { reviewBy = 0 } = decision ?? {};
  if (state === 'decided' && at <= reviewBy)
    return not('case-early', `the member can ask for review until ${iso(reviewBy)}`);
  return { state: 'closed', closedAt: at };
};

const rules: Record<string, Rule | undefined> = {
  'case.noticed': noticed,
  'case.answered': heard('answers'),
  'case.heard': heard('hearings'),
  'case.dismissed': decided('none'),
  'case.condition': decided('condition'),
  'member.suspended': decided('suspension'),
  'member.expelled': decided('expulsion'),
  'member.succeeded': passedOn,
  'case.review-asked': reviewAsked,
  'case.upheld': reviewed('upheld'),
  'case.overturned': reviewed('overturned'),
  'member.reinstated': reinstated,
  'case.court': inCourt,
  'case.closed': closed,
};

function opened({ at, facts }: Step): Followed {
  const [id, member, kind] = [check(CaseId, facts.case), check(MemberId, facts.member), check(CaseKind, facts.kind)];
  if (!id.ok || !member.ok || !kind.ok) return { ok: false, ...not('case-step', 'it does not say what it is about') };
  const about = { id: id.value, member: member.value, kind: kind.value };
  return { ok: true, now: { ...about, state: 'open', openedAt: at, answers: 0, hearings: 0, courts: 0 } };
}

/** @param before undefined where there is no such case yet */
export function follow(before: Case | undefined, step: Step): Followed {
  const { type, facts } = step;
  const fault = (name: CaseFault, why: string): Followed => ({ ok: false, ...not(name, why) });
  if (type === 'case.opened') return before ? fault('case-step', 'it is there already') : opened(step);
  if (!before) return fault('case-unknown', String(facts.case));
  if (facts.member !== before.member) return fault('case-other', `${before.id} is about ${before.member}`);
  const signed = facts.resolution === undefined ? undefined : readResolution(String(facts.resolution));
  const rule = isInterim(step) ? suspendedForNow : Object.hasOwn(rules, type) ? rules[type] : undefined;
  const change = rule?.(before, step, signed) ?? not('case-step', `${type} is no step of a case`);
  return 'fault' in change ? { ok: false, ...change } : { ok: true, now: { ...before, ...change } };
}

const measures = new Set(['member.suspended', 'member.expelled']);

/**
 * Whether every case in a register came to what it did step by step. A territory with a standing panel suspends and
 * expels by cases from when it opened one, or set a panel that says so. Undefined when it did; else where not, and why.
 */
export function caseFault(entries: readonly LedgerEntry[]): { index: number; why: string } | undefined {
  const cases = new Map<string, Case>();
  let hasPanel = false;
  let isBound = false;
  for (const entry of entries) {
    const { index, type, facts } = entry;
    if (facts.case !== undefined || type.startsWith('case.')) {
      const id = String(facts.case);
      const followed = follow(cases.get(id), entry);
      if (!followed.ok) return { index, why: `${id}: ${followed.fault}, ${followed.why}` };
      cases.set(id, followed.now);
      isBound = true;
    } else if (hasPanel && isBound && measures.has(type)) return { index, why: 'it names no case' };
    if (type !== 'panel.set') continue;
    if (facts.of === 'standing') hasPanel = true;
    if (facts.cases === true) isBound = true;
  }
  return undefined;
}
