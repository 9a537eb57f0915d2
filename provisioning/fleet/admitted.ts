/**
 * Whether what comes in a box's name is taken, where the control plane is another process: by what that has told the
 * fleet's store. Asked for each message, so what the store says is remembered until it says that it has changed.
 */
import type { Clock } from '#common/clock.js';
import type { ProblemCode } from '#contract/problems.js';
import type { FleetStore } from '../store/fleet.js';

export interface Admitted {
  /** Undefined when it is taken. At once for a box that is known; in the order of coming for the others. */
  refusal(box: string): ProblemCode | undefined | Promise<ProblemCode | undefined>;
  start(): void;
  stop(): void;
}

const mostKept = 50_000;
const retryMilliseconds = 1000;
/** A box may be quicker than the word of its admission. */
const lookAgainMilliseconds = 300;
const looks = 10;

export function createAdmitted({
  fleet,
  clock,
}: {
  fleet: Pick<FleetStore, 'admissions' | 'onAdmission'>;
  clock: Clock;
}): Admitted {
  const stopping = new AbortController();
  const good = new Set<string>();
  const asking = new Map<string, Promise<ProblemCode | undefined>>();
  /** Grows with each change: an answer that was under way then is not remembered. */
  let changes = 0;
  let batch: { boxes: Set<string>; answer: ReturnType<FleetStore['admissions']> } | undefined;
  let noMore = () => {};
  const pauses = new Map<number, Promise<void>>();

  /** All who wait so long wait together. */
  function pause(milliseconds: number): Promise<void> {
    const before = pauses.get(milliseconds);
    if (before) return before;
    const mine = clock.sleep(milliseconds, stopping.signal).finally(() => pauses.delete(milliseconds));
    pauses.set(milliseconds, mine);
    return mine;
  }

  /** What is asked for in one turn of the loop is one query. */
  function look(box: string): ReturnType<FleetStore['admissions']> {
    if (!batch) {
      const boxes = new Set<string>();
      const answer = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        batch = undefined;
        return fleet.admissions([...boxes]);
      });
      batch = { boxes, answer };
    }
    batch.boxes.add(box);
    return batch.answer;
  }

  async function ask(box: string): Promise<ProblemCode | undefined> {
    for (let unknown = 0; ; ) {
      const asked = changes;
      const found = await look(box).catch(() => undefined);
      if (!found) {
        // The message waits for the store, as it would have to all the same.
        if (stopping.signal.aborted) return 'unavailable';
        await pause(retryMilliseconds);
        continue;
      }
      const admission = found.get(box);
      if (admission?.revokedAt !== undefined) return 'box-revoked';
      if (admission) {
        if (good.size >= mostKept) good.clear();
        if (asked === changes) good.add(box);
        return undefined;
      }
      unknown += 1;
      if (unknown >= looks || stopping.signal.aborted) return 'box-unknown';
      await pause(lookAgainMilliseconds);
    }
  }

  return {
    refusal(box) {
      if (good.has(box)) return undefined;
      const before = asking.get(box);
      if (before) return before;
      const answer = ask(box).finally(() => asking.delete(box));
      asking.set(box, answer);
      return answer;
    },
    start() {
      noMore = fleet.onAdmission((box) => {
        changes += 1;
        if (box === undefined) good.clear();
        else good.delete(box);
      });
    },
    stop() {
      noMore();
      stopping.abort();
    },
  };
}
