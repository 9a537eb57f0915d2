/** What was refused lately, by the box or to it: the answer to "why" in `webizen-agent status`. */

import type { Clock } from '#common/clock.js';
import type { Refused } from '#contract/agent-status.js';
import type { Refusal } from '#contract/problems.js';

export interface Refusals {
  add(refusal: Refusal): void;
  /** The newest last. */
  list(): Refused[];
}

const kept = 20;

export function createRefusals({ clock }: { clock: Clock }): Refusals {
  let refusals: Refused[] = [];
  return {
    add(refusal) {
      const { title, code, remedy, detail } = refusal.problem;
      // A refusal that repeats takes the place of its older self, so that one loud cause does not hide the others.
      const others = refusals.filter((other) => other.code !== code || other.detail !== detail);
      refusals = [...others, { at: clock.now(), code, title, remedy, ...(detail ? { detail } : {}) }].slice(-kept);
    },
    list: () => [...refusals],
  };
}
