/**
 * What becomes of a release after its change: an app that keeps ending within a day after it came has failed after all,
 * though it passed its health check. And what runs without ever having been told of is told of once.
 */
import { Refusal } from '#contract/problems.js';
import type { Installed, InstalledRecord } from './installed.js';
import type { Outcomes } from './outcomes.js';
import type { Runner } from './uses.js';

export interface OutcomeWatch {
  start(): void;
  stop(): Promise<void>;
}

/** An app that ends so often within so long after its release came. */
export const lateFailure = { restarts: 5, milliseconds: 86_400_000 } as const;

export function createOutcomeWatch({
  installed,
  outcomes,
  runner,
  clock,
  onRefused,
}: {
  installed: Pick<Installed, 'get' | 'list'>;
  outcomes: Outcomes;
  runner: Pick<Runner, 'show' | 'onChange'>;
  clock: { now(): number };
  onRefused: (refusal: Refusal) => void;
}): OutcomeWatch {
  const pending = new Set<Promise<void>>();
  let end = (): void => {};

  function track(work: Promise<void>): void {
    const mine = work
      .catch((error: unknown) => onRefused(new Refusal('internal', undefined, { cause: error })))
      .finally(() => pending.delete(mine));
    pending.add(mine);
  }

  function isLate({ id, installedAt, updatedAt }: InstalledRecord): boolean {
    const age = clock.now() - (updatedAt ?? installedAt);
    const { restarts, milliseconds } = lateFailure;
    return age >= 0 && age < milliseconds && (runner.show(id)?.restarts ?? 0) >= restarts;
  }

  function look(id: string): void {
    const record = installed.get(id);
    // While something is under way, the change says how it went.
    if (!record?.current || record.next || !isLate(record)) return;
    const code = runner.show(id)?.health?.code ?? 'app-crashed';
    track(outcomes.tell({ held: record.current, from: null, kind: 'run', outcome: 'failed', code }));
  }

  return {
    start() {
      for (const { id, current } of installed.list())
        if (current && !outcomes.last(id))
          track(outcomes.tell({ held: current, from: null, kind: 'install', outcome: 'done' }));
      end = runner.onChange(look);
    },
    async stop() {
      end();
      await Promise.all(pending);
    },
  };
}
