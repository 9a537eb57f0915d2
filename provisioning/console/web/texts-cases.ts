/** What the page of cases says: part of the catalogue in texts.ts. */
import type { CaseOutcome, CaseState, Due } from '#contract/cases.js';

const many = (n: number, one: string, more: string): string => `${n.toLocaleString('en-GB')} ${n === 1 ? one : more}`;

export const caseTexts = {
  pageTitle: 'Cases',
  asking: 'Reading the cases…',
  summary: (late: number, office: number, open: number): string => {
    if (open === 0) return 'No case is open.';
    if (late > 0) return `In ${many(late, 'case', 'cases')} something is late.`;
    if (office > 0) return `${many(office, 'case waits', 'cases wait')} for the office.`;
    return `${many(open, 'case is', 'cases are')} open, and none waits for the office.`;
  },
  lead: 'A member is heard before anything is decided about it. What is due is done with webizen-provider case.',
  kind: { complaint: 'Complaint', finding: 'Finding' },
  about: (member: string) => `about ${member}`,
  state: {
    open: 'Opened',
    noticed: 'Being heard',
    decided: 'Decided',
    review: 'In review',
    reviewed: 'Reviewed',
    closed: 'Closed',
  } satisfies Record<CaseState, string>,
  outcome: {
    none: 'nothing was found',
    condition: 'a condition was set',
    suspension: 'suspended',
    expulsion: 'expelled',
  } satisfies Record<CaseOutcome, string>,
  what: {
    notice: 'Give notice',
    answer: 'Answer',
    hearing: 'Record the hearing',
    decision: 'Decide',
    'ask for review': 'Ask for review',
    review: 'Review the decision',
    reinstatement: 'Reinstate the member',
    close: 'Close the case',
  } satisfies Record<Due['what'], string>,
  by: {
    office: 'the office',
    member: 'the member',
    'standing panel': 'the standing panel',
    'review panel': 'the review panel',
  } satisfies Record<Due['by'], string>,
  due: 'due',
  late: 'late: was due',
  suspended: 'Until decided the member is suspended; that ends',
  read: 'The member read the notice',
  unread: 'The member has not read the notice with its key',
  steps: (n: number) => many(n, 'step', 'steps'),
  step: {
    'case.opened': 'Opened',
    'case.noticed': 'Notice given',
    'case.answered': 'The member answered',
    'case.heard': 'Hearing recorded',
    'case.dismissed': 'Dismissed',
    'case.condition': 'Condition set',
    'member.suspended': 'Suspended',
    'member.expelled': 'Expelled',
    'member.reinstated': 'Reinstated',
    'member.succeeded': 'Apps passed on',
    'case.review-asked': 'The member asked for review',
    'case.upheld': 'Upheld on review',
    'case.overturned': 'Overturned on review',
    'case.court': 'A court decided',
    'case.closed': 'Closed',
  } as Record<string, string | undefined>,
  entry: (n: number) => `entry ${n} of the register`,
  closed: 'Closed',
  older: 'Older cases',
};
