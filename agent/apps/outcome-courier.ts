/** Brings outcomes to the provider: oldest first, again and again until it has them, with growing pauses. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { mostOutcomes, type OutcomeReport } from '#contract/rollout.js';
import type { Outcomes } from './outcomes.js';

export interface OutcomeCourier {
  start(): void;
  stop(): Promise<void>;
}

const firstPause = 30_000;
const longestPause = 3_600_000;
/** The provider has read it and will read it no better another time. */
const isLost = (error: unknown): boolean => error instanceof Refusal && error.code === 'body-invalid';

export function createOutcomeCourier({
  outcomes,
  report,
  own,
  clock,
  onRefused,
}: {
  outcomes: Outcomes;
  report: (report: OutcomeReport) => Promise<void>;
  own: () => string | undefined;
  clock: Clock;
  onRefused: (refusal: Refusal) => void;
}): OutcomeCourier {
  const stopping = new AbortController();
  let working: Promise<void> | undefined;
  let wake = (): void => {};

  /** Answers whether there may be more. @throws Refusal `not-a-member`, and what the provider answers */
  async function bring(): Promise<boolean> {
    const territory = own();
    if (territory === undefined && outcomes.waiting().length > 0) throw new Refusal('not-a-member');
    const all = outcomes.waiting();
    // A provider that the box has left has no business with them, nor has the next one.
    const foreign = all.filter((one) => one.territory !== territory).map(({ outcome }) => outcome.id);
    if (foreign.length > 0) await outcomes.discard(new Set(foreign));
    const batch = all.filter((one) => one.territory === territory).slice(0, mostOutcomes);
    const dropped = outcomes.dropped();
    if (batch.length === 0) return false;
    try {
      await report({ outcomes: batch.map(({ outcome }) => outcome), dropped });
    } catch (error) {
      if (!isLost(error)) throw error;
      onRefused(error as Refusal);
    }
    await outcomes.settled(new Set(batch.map(({ outcome }) => outcome.id)), dropped);
    return true;
  }

  async function work(): Promise<void> {
    let pause = firstPause;
    while (!stopping.signal.aborted) {
      const news = new AbortController();
      wake = () => news.abort();
      try {
        while (!stopping.signal.aborted && (await bring()));
        pause = firstPause;
        await clock.sleep(longestPause, AbortSignal.any([stopping.signal, news.signal]));
      } catch (error) {
        const refusal = error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });
        if (refusal.code !== 'not-a-member') onRefused(refusal);
        // Not by what is new: a provider that is down is not asked more often because more happens.
        await clock.sleep(pause * (0.5 + Math.random() / 2), stopping.signal);
        pause = Math.min(pause * 2, longestPause);
      }
    }
  }

  return {
    start() {
      if (working) return;
      const end = outcomes.onChange(() => wake());
      working = work().finally(end);
    },
    async stop() {
      stopping.abort();
      await working;
    },
  };
}
