/**
 * Tells apps when room is short: the box's disk down to its reserve, or most of an app's own quota used; and when that is
 * over. What is short counts as short until there is clearly more again, so that an app is not told at each write.
 */
import type { Clock } from '#common/clock.js';
import type { AppEvent } from '#contract/api.js';

interface Quota {
  id: string;
  quotaBytes: number;
}

export interface SpaceWatch {
  /** The app has written. */
  look(app: Quota): void;
  /** What is short for this app now. */
  standing(app: string): AppEvent[];
  start(): void;
  stop(): Promise<void>;
}

const lookMilliseconds = 30_000;
/** Of the quota. */
const shortAt = 0.9;
const wellAt = 0.8;
/** Of the box's reserve. */
const wellReserves = 1.5;

/** Pure: whether it is short now, as it was before. */
export const isShort = (was: boolean, value: number, { short, well }: { short: number; well: number }): boolean =>
  was ? value > well : value >= short;

export function createSpaceWatch(wish: {
  /** Those that may be told. */
  apps: () => readonly Quota[];
  usedBytes: (app: string) => number;
  freeBytes: () => number;
  reserveBytes: number;
  tell: (app: string, event: AppEvent) => void;
  clock: Clock;
}): SpaceWatch {
  const { apps, usedBytes, freeBytes, reserveBytes, tell, clock } = wish;
  const stopping = new AbortController();
  const full = new Set<string>();
  let running: Promise<void> | undefined;
  let isBoxShort = false;

  const event = (of: 'box' | 'quota', low: boolean): AppEvent => ({ type: 'low-space', at: clock.now(), of, low });

  function lookAt({ id, quotaBytes }: Quota): void {
    const was = full.has(id);
    const used = quotaBytes > 0 ? usedBytes(id) / quotaBytes : 0;
    const now = isShort(was, used, { short: shortAt, well: wellAt });
    if (now === was) return;
    if (now) full.add(id);
    else full.delete(id);
    tell(id, event('quota', now));
  }

  /** The disk fills by others than apps too, and an update brings another quota. */
  function lookAround(): void {
    const all = apps();
    for (const id of full) if (!all.some((app) => app.id === id)) full.delete(id);
    for (const app of all) lookAt(app);
    const now = isShort(isBoxShort, -freeBytes(), { short: -reserveBytes, well: -wellReserves * reserveBytes });
    if (now === isBoxShort) return;
    isBoxShort = now;
    for (const { id } of all) tell(id, event('box', now));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      lookAround();
      await clock.sleep(lookMilliseconds, stopping.signal);
    }
  }

  return {
    look: lookAt,
    standing(id) {
      const app = apps().find((one) => one.id === id);
      if (app) lookAt(app);
      return [...(isBoxShort ? [event('box', true)] : []), ...(full.has(id) ? [event('quota', true)] : [])];
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
