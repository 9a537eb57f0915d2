/** What is due in a case, by when and by whom. Pure: of the case, and of now. */
import type { Case, Due } from '#contract/cases.js';

const day = 86_400_000;
/** What the office owes a member in time; a right of the member's ends when the case says. */
const forNotice = 14 * day;
const forHearing = 14 * day;
const forDecision = 60 * day;
const forReview = 60 * day;
const forClosing = 14 * day;

type Said = readonly [what: Due['what'], by: Due['by'], at: number];

function* duties(it: Case, now: number): Generator<Said> {
  const { state, openedAt, answerBy = 0, interimUntil, hearings, decision, review } = it;
  const overturned = review?.outcome === 'overturned' || it.annulledAt !== undefined;
  const isMeasure = decision?.outcome === 'suspension' || decision?.outcome === 'expulsion';
  if (it.court === 'annulled' && isMeasure && !overturned) yield ['reinstatement', 'standing panel', now];
  if (state === 'open') yield ['notice', 'office', openedAt + forNotice];
  if (state === 'noticed') {
    if (now < answerBy) yield ['answer', 'member', answerBy];
    if (hearings === 0) yield ['hearing', 'office', answerBy + forHearing];
    // What was done for a time ends by itself, whatever it was for.
    const by = answerBy + forDecision;
    yield [
      'decision',
      'standing panel',
      interimUntil !== undefined && interimUntil > answerBy ? Math.min(by, interimUntil) : by,
    ];
  }
  if (state === 'decided' && decision) {
    const { at, reviewBy } = decision;
    if (reviewBy !== undefined && now <= reviewBy) yield ['ask for review', 'member', reviewBy];
    else yield ['close', 'office', (reviewBy ?? at) + forClosing];
  }
  if (state === 'review' && review) yield ['review', 'review panel', review.askedAt + forReview];
  if (state === 'reviewed' && review) yield ['close', 'office', (review.at ?? review.askedAt) + forClosing];
}

/** The most urgent first. @param now milliseconds since 1970 */
export const dueOf = (it: Case, now: number): Due[] =>
  [...duties(it, now)].map(([what, by, at]) => ({ what, by, at })).sort((a, b) => a.at - b.at);
