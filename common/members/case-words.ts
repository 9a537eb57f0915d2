/** Cases as both commands print them. */
import type { CaseView } from '#contract/cases.js';
import { when } from '../columns.js';

export const caseHead: string[] = ['CASE', 'MEMBER', 'KIND', 'OPENED', 'STATE', 'DUE', 'BY', 'UNTIL'];

/** The first of what is due: the rest with the case itself. */
export function caseRow({ case: it, due: [first] }: CaseView): string[] {
  const due = first ? [first.what, first.by, when(first.at)] : ['-', '-', '-'];
  return [it.id, it.member, it.kind, when(it.openedAt), it.state, ...due];
}

export function caseRows({ case: it, steps, due, readAt }: CaseView): string[][] {
  const { decision, review } = it;
  return [
    ['case', it.id],
    ['member', it.member],
    ['kind', it.kind],
    ['state', it.state],
    ...(it.answerBy === undefined ? [] : [['answer by', when(it.answerBy)]]),
    ...(readAt === undefined ? [] : [['notice read', when(readAt)]]),
    ...(it.interimUntil === undefined ? [] : [['suspended until', when(it.interimUntil)]]),
    ...(decision ? [['decision', `${decision.outcome}, ${when(decision.at)}`]] : []),
    ...(decision?.reviewBy === undefined ? [] : [['review by', when(decision.reviewBy)]]),
    ...(review?.outcome ? [['review', review.outcome]] : []),
    ...(it.court ? [['court', it.court]] : []),
    ...steps.map(({ entry, at, type, sha256, reason }) => [
      'step',
      [`${when(at)}, ${type}, entry ${entry}`, reason, sha256 && `document ${sha256}`].filter(Boolean).join(', '),
    ]),
    ...due.map(({ what, by, at }) => ['due', `${what}, by the ${by}, until ${when(at)}`]),
  ];
}
