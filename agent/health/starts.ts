/**
 * Whether the machine went down without the agent having ended in good order: a power cut, a crash, a pulled plug. Where
 * the agent had been stopped by hand before, that is not noticed.
 */
import type { Facts } from './assess.js';
import type { Kept, KeptStarts } from './kept.js';

const remembered = 10;

/** Another boot than the last, whose agent never ended. Pure. */
export function started(before: KeptStarts | undefined, boot: string): KeptStarts {
  if (!before) return { boot, ended: false, cuts: [] };
  if (before.boot === boot) return { ...before, ended: false };
  return { boot, ended: false, cuts: [!before.ended, ...before.cuts].slice(0, remembered) };
}

export interface Starts {
  facts(): Facts['starts'];
  /** The agent ends in good order. */
  end(): Promise<void>;
}

export async function openStarts({ kept, boot }: { kept: Kept; boot: string }): Promise<Starts> {
  const before = await kept.starts();
  const now = started(before, boot);
  // A full disk: this start is not remembered, and the box starts all the same.
  if (before?.boot !== boot || before.ended) await kept.saveStarts(now).catch(() => {});
  const cuts = now.cuts.filter(Boolean).length;
  return {
    facts: () => ({ wasCut: now.cuts[0] === true, cuts, of: now.cuts.length }),
    end: () => kept.saveStarts({ ...now, ended: true }).catch(() => {}),
  };
}
