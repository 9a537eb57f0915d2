/** Tells the provider of every agreement and what became of it, until it answers that this is stored. */
import type { Clock } from '#common/clock.js';
import { mostTold } from '#contract/agreements.js';
import { Refusal } from '#contract/problems.js';
import type { AgreementRow, Book } from './book.js';
import type { Tell } from './client.js';

export interface Courier {
  /** Something waits, or the provider can be reached again. Resolves at once. */
  wake(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const firstPause = 5000;
const longestPause = 600_000;

export function createCourier(parts: {
  book: Book;
  clock: Clock;
  /** As which box it is known now: what another box of this owner agreed to is not told here. */
  box(): string | undefined;
  tell: Tell;
  keep(rows: readonly AgreementRow[]): Promise<void>;
  onRefused(refusal: Refusal): void;
}): Courier {
  const { book, clock, box, tell, keep, onRefused } = parts;
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> | undefined;
  let isWanted = false;

  const waiting = (): AgreementRow[] => {
    const mine = box();
    return book
      .list()
      .filter(({ told, agreement }) => !told && agreement.box === mine)
      .reverse();
  };

  /** One message. What changed while it was on its way is told once more. */
  async function send(): Promise<void> {
    const rows = waiting().slice(0, mostTold);
    const { taken } = await tell({
      agreements: rows.map(({ jws, since, ended }) => ({ agreement: jws, since, ended })),
    });
    const told = rows.flatMap((row, at): AgreementRow[] => {
      const refused = taken[at]?.refused;
      if (refused) onRefused(new Refusal('agreement-invalid', `${row.id}: ${refused.code} ${refused.detail}`));
      return book.get(row.id) === row ? [{ ...row, told: true, refused: refused ? refused.code : null }] : [];
    });
    await keep(told);
  }

  async function run(): Promise<void> {
    let pause = firstPause;
    while ((isWanted || waiting().length > 0) && !stopping.signal.aborted) {
      isWanted = false;
      woken = new AbortController();
      try {
        if (waiting().length > 0) await send();
        pause = firstPause;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });
        if (refusal.code === 'not-a-member') return; // the next connection asks again
        onRefused(refusal);
        await clock.sleep(pause * (0.5 + Math.random() / 2), AbortSignal.any([stopping.signal, woken.signal]));
        pause = Math.min(pause * 2, longestPause);
      }
    }
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    isWanted = true;
    woken.abort();
    running ??= run().finally(() => {
      running = undefined;
      if (isWanted) wake(); // asked for as the last one ended
    });
  }

  return {
    wake,
    async idle() {
      while (running) await running;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
