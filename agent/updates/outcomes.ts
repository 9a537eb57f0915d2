/** What became of an update, written down once for each change, however often it is cut. */
import type { Clock } from '#common/clock.js';
import { compareVersions } from '#contract/manifest.js';
import type { OsOutcome } from '#contract/os-release.js';
import { isProblemCode } from '#contract/problems.js';
import type { Changes } from '../changes/changes.js';
import type { StepContext } from '../changes/run.js';
import { type OsBook, withFailed } from './book.js';
import { againAfter, isFailure, outcomeOf } from './verdict.js';

export interface Outcomes {
  /** Why it is undone, while the change still says so: an undo that must be tried again has a problem of its own. */
  noteWhy(context: StepContext): Promise<void>;
  recordFailure(context: StepContext): Promise<void>;
  recordDone(context: StepContext): Promise<void>;
}

export const versionOf = ({ data }: StepContext): string => String(data.version);

function outcome({ data }: StepContext, word: OsOutcome['outcome'], at: number): OsOutcome {
  const from = data.from ? String(data.from) : null;
  const told = isProblemCode(data.why)
    ? { code: data.why, ...(data.whyDetail ? { detail: String(data.whyDetail).slice(0, 500) } : {}) }
    : {};
  return { version: String(data.version), from, outcome: word, at, ...told };
}

export function createOutcomes({
  book,
  clock,
  changes,
}: {
  book: OsBook;
  clock: Pick<Clock, 'now'>;
  changes: () => Pick<Changes, 'show'>;
}): Outcomes {
  return {
    async noteWhy(context) {
      if (context.data.why !== undefined) return;
      const problem = changes().show(context.id)?.problem;
      context.data.why = problem?.code ?? '';
      context.data.whyDetail = problem?.detail ?? '';
      await context.remember();
    },
    async recordFailure(context) {
      const code = context.data.why;
      if (book.now().lastChange === context.id || !isProblemCode(code) || !isFailure(code)) return;
      const at = clock.now();
      const version = versionOf(context);
      const times = (book.now().failed.find((one) => one.version === version)?.times ?? 0) + 1;
      // Whatever went wrong after it was started: it is the release that is to blame, and was left.
      const wasStarted = context.data.activated === true;
      const last = outcome(context, wasStarted ? 'rolled-back' : outcomeOf(code), at);
      const again = wasStarted ? null : againAfter(code, times);
      const type = last.outcome === 'rolled-back' ? 'os.rolled-back' : 'os.not-updated';
      await book.set(
        (now) => ({
          last,
          lastChange: context.id,
          saidNow: null,
          failed: withFailed(now.failed, { version, code, at, times, again: again === null ? null : at + again }),
        }),
        { decisions: [{ by: 'box', type, facts: { version, ...(last.from && { from: last.from }), code } }] },
      );
    },
    async recordDone(context) {
      if (book.now().lastChange === context.id) return;
      const version = versionOf(context);
      const { from } = context.data;
      await book.set(
        (now) => ({
          last: outcome(context, 'done', clock.now()),
          lastChange: context.id,
          saidNow: null,
          floor: version, // the book keeps the higher one
          failed: now.failed.filter((one) => compareVersions(one.version, version) > 0),
        }),
        { decisions: [{ by: 'box', type: 'os.updated', facts: { version, ...(from ? { from } : {}) } }] },
      );
    },
  };
}
