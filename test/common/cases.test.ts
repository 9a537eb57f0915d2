/** What may follow what in a case, whatever is tried in whatever order. */
import fc from 'fast-check';
import t from 'tap';
import { caseFault, follow, type Step } from '#common/members/case.js';
import { hashOfDocument, verifyCaseDocument, verifyCaseStatement } from '#common/members/case-document.js';
import { dueOf } from '#common/members/case-due.js';
import { textOf } from '#common/members/resolution.js';
import { Case } from '#contract/cases.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { check } from '#contract/parse.js';
import { type PanelName, type ResolutionAct, resolutionFormat } from '#contract/resolution.js';

const day = 86_400_000;
const id = 'case-0123456789ab';
const member = 'wattle';

const decisions = ['case.dismissed', 'case.condition', 'member.suspended', 'member.expelled'] as const;
const reviews = ['case.upheld', 'case.overturned', 'member.reinstated'] as const;
const plain = ['case.opened', 'case.answered', 'case.heard', 'case.review-asked', 'case.closed'] as const;

interface Tried {
  type: string;
  /** Days since the step before. */
  after: number;
  /** Days between now and the end that the step names. */
  days: number;
  /** So many days before. */
  drawn: number;
  panel: PanelName;
  signed: boolean;
  interim: boolean;
  other: boolean;
}

const tried: fc.Arbitrary<Tried> = fc.record({
  type: fc.constantFrom<string>(
    ...['case.noticed', 'case.court', 'member.succeeded', 'member.admitted', 'toString'],
    ...decisions,
    ...decisions,
    ...reviews,
    ...plain,
    ...['case.heard', 'case.review-asked', 'case.review-asked', 'member.expelled'],
  ),
  after: fc.integer({ min: 0, max: 20 }),
  days: fc.integer({ min: -3, max: 40 }),
  drawn: fc.integer({ min: -2, max: 4 }),
  panel: fc.constantFrom<PanelName>('standing', 'standing', 'review'),
  signed: fc.boolean(),
  interim: fc.boolean(),
  other: fc.integer({ min: 0, max: 20 }).map((one) => one === 0),
});

function stepOf(one: Tried, at: number): Step {
  const { type, days, drawn, panel, signed, interim, other } = one;
  const act = type as ResolutionAct;
  const isResolved = signed && ([...decisions, ...reviews] as string[]).includes(type);
  const facts = { case: id, member: other ? 'banksia' : member };
  const resolution = textOf({
    ...{ format: resolutionFormat, territory: 'north', id: '1'.repeat(32), panel, act, facts },
    at: Math.max(0, at - drawn * day),
  });
  return {
    ...{ type, at },
    facts: {
      ...facts,
      ...{ kind: 'complaint', answerBy: at + days * day, reviewDays: '30', outcome: 'annulled' },
      ...(type === 'member.suspended' && interim && { interim: true, until: at + 10 * day }),
      ...(isResolved && { resolution }),
    },
  };
}

/** What of it all was taken, and the case after each. */
function lived(all: readonly Tried[]) {
  let now: Case | undefined;
  let at = day * 1000;
  const taken: { step: Step; before: Case | undefined; now: Case }[] = [];
  for (const one of [{ ...all[0], type: 'case.opened', other: false } as Tried, ...all]) {
    at += one.after * day;
    const step = stepOf(one, at);
    const followed = follow(now, step);
    if (!followed.ok) continue;
    taken.push({ step, before: now, now: followed.now });
    now = followed.now;
  }
  return taken;
}
const entryOf = ({ type, at, facts }: Step, index: number): LedgerEntry => ({
  ...{ index, ledger: '0'.repeat(32), at, by: 'provider', type, facts, previous: null, hash: '0'.repeat(64) },
});

const life = fc.array(tried, { minLength: 1, maxLength: 60 });
const all = { numRuns: 3000 };

t.test(
  'nothing is decided that was not noticed, and waited and heard for; nor reviewed that was not asked for',
  async (t) => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(life, (given) => {
        const taken = lived(given);
        const decided = taken.filter(({ before, now }) => before?.decision === undefined && now.decision);
        if (decided.length > 1 || taken.some(({ before, now }) => before?.decision && !now.decision)) return false;
        for (const { step, before, now } of taken) {
          seen.set(step.type, (seen.get(step.type) ?? 0) + 1);
          if (!check(Case, now).ok || step.facts.member !== member) return false;
          if (before && now.answerBy !== undefined && now.answerBy < (before.answerBy ?? 0)) return false;
          if (
            before?.state === 'closed' &&
            !['case.court', 'member.reinstated', 'member.succeeded'].includes(step.type)
          )
            return false;
          if (!before?.decision && now.decision) {
            const noticed = taken.find(({ step: { type } }) => type === 'case.noticed')?.step.at;
            if (noticed === undefined || step.at < noticed + 7 * day || step.at < (before?.answerBy ?? Infinity))
              return false;
            if (now.decision.outcome === 'expulsion' && before?.hearings === 0) return false;
          }
          if (!before?.review && now.review && step.at > (before?.decision?.reviewBy ?? -1)) return false;
          if (now.review?.outcome && !before?.review) return false;
        }
        return true;
      }),
      all,
    );
    for (const type of ['case.noticed', 'case.heard', ...decisions, 'case.review-asked', 'case.court', 'case.closed'])
      t.ok((seen.get(type) ?? 0) > 5, `${type} was among what was taken`);
  },
);

t.test('an auditor takes what a provider took, and nothing of which a needed step is missing', async () => {
  fc.assert(
    fc.property(life, fc.nat(), (given, at) => {
      const steps = lived(given).map(({ step }) => step);
      if (caseFault(steps.map(entryOf)) !== undefined) return false;
      const isDecided = steps.some(({ type, facts }) => decisions.some((one) => one === type) && !facts.interim);
      const without = (type: string) => steps.filter((step) => step.type !== type).map(entryOf);
      if (isDecided && caseFault(without('case.noticed')) === undefined) return false;
      if (steps.length > 1 && caseFault(without('case.opened')) === undefined) return false;
      const doubled = [...steps, ...steps.filter(({ type }) => type === 'case.opened')];
      if (caseFault(doubled.map(entryOf)) === undefined) return false;
      return caseFault(steps.slice(0, at % (steps.length + 1)).map(entryOf)) === undefined; // all that it was before
    }),
    all,
  );
});

t.test('while a case is not closed somebody owes something, and never after', async () => {
  fc.assert(
    fc.property(life, fc.integer({ min: 0, max: 4000 }), (given, days) => {
      return lived(given).every(({ now }) => {
        const due = dueOf(now, days * day);
        const isOwed = now.state !== 'closed' || due.every(({ what }) => what === 'reinstatement');
        return isOwed && (now.state === 'closed' || due.length > 0) && due.every(({ at }) => Number.isFinite(at));
      });
    }),
    all,
  );
});

t.test('a territory that has no panel, or never had a case, is not asked for cases', async (t) => {
  const measure = { type: 'member.expelled', at: 1, facts: { member } };
  const panel = (facts: Step['facts']) => ({ type: 'panel.set', at: 1, facts: { of: 'standing', ...facts } });
  const open = { type: 'case.opened', at: 1, facts: { case: id, member: 'banksia', kind: 'finding' } };
  const fault = (...steps: Step[]) => caseFault(steps.map(entryOf));
  t.equal(fault(measure, open, measure), undefined);
  t.equal(fault(panel({}), measure), undefined, 'as it was before there were cases');
  t.match(fault(panel({}), open, measure), { index: 2 });
  t.match(fault(panel({ cases: true }), measure), { index: 1 });
  t.match(fault({ ...open, facts: { ...open.facts, case: 7 } }), { index: 0 });
  t.match(fault({ type: 'case.opened', at: 1, facts: {} }), { index: 0 });
});

t.test('what is no document is read as none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), async (words) => {
      const read = [await verifyCaseDocument(words, []), await verifyCaseStatement(words, [])];
      return read.every(({ ok }) => !ok) && hashOfDocument(words).length === 64;
    }),
  );
});
