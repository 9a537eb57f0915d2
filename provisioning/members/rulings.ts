/** What a panel decides in a case where the member's standing stays as it is. Pure as to what follows. */
import type { Static } from 'typebox';
import type { Clock } from '#common/clock.js';
import type { MemberRecord } from '#contract/member-register.js';
import { Refusal } from '#contract/problems.js';
import type { ResolutionAct } from '#contract/resolution.js';
import type { ResolvedRuling } from './asked.js';
import type { CaseBook } from './case-book.js';
import { interimEnded, isInterimOf } from './interim.js';
import type { Decision } from './register.js';

export type Ruling = Extract<ResolutionAct, `case.${string}`>;
const inWords: Record<Ruling, string> = {
  'case.dismissed': 'is dismissed',
  'case.condition': 'ends with a condition',
  'case.upheld': 'is upheld on review',
  'case.overturned': 'is overturned on review',
};
export const isRuling = (act: ResolutionAct): act is Ruling => Object.hasOwn(inWords, act);

/** A suspension for a time ends with it, where it was for this case. @throws Refusal `case-unknown`, `case-step` */
export const createRulings =
  ({ book, clock, show }: { book: CaseBook; clock: Clock; show: (member: string) => MemberRecord }) =>
  (act: Ruling, { member, ...told }: Static<typeof ResolvedRuling>): Decision => {
    const { case: it } = book.find(told.case);
    const record = show(member);
    const { outcome } = it.decision ?? {};
    const isMeasure = outcome === 'suspension' || outcome === 'expulsion';
    if (act === 'case.overturned' && isMeasure && record.standing !== 'good')
      throw new Refusal('case-step', `${member} is ${record.standing}: reinstate it, which overturns the decision`);
    const decision = {
      ...{ type: act, facts: { member, ...told } },
      text: `${told.case} about member ${member} ${inWords[act]}: ${told.reason}`,
    };
    if (!isInterimOf(record, it)) return decision;
    return { ...decision, records: interimEnded(record, { at: clock.now(), reason: told.reason }) };
  };
