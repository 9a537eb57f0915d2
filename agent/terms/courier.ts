/** Tells the provider of every agreement and what became of it, until it answers that this is stored. */
import type { Clock } from '#common/clock.js';
import { createTelling, type Telling } from '#common/telling.js';
import { mostTold } from '#contract/agreements.js';
import { Refusal } from '#contract/problems.js';
import type { AgreementRow, Book } from './book.js';
import type { Tell } from './client.js';

export function createCourier(parts: {
  book: Book;
  clock: Clock;
  /** As which box it is known now: what another box of this owner agreed to is not told here. */
  box(): string | undefined;
  tell: Tell;
  /** What changed while it was on its way is told once more. */
  keep(told: readonly { row: AgreementRow; refused: string | null }[]): Promise<void>;
  onRefused(refusal: Refusal): void;
}): Telling {
  const { book, clock, box, tell, keep, onRefused } = parts;

  const waiting = (): AgreementRow[] => {
    const mine = box();
    return book
      .list()
      .filter(({ told, agreement }) => !told && agreement.box === mine)
      .reverse();
  };

  return createTelling({
    ...{ clock, onRefused },
    waits: () => waiting().length > 0,
    async send() {
      const rows = waiting().slice(0, mostTold);
      const { taken } = await tell({
        agreements: rows.map(({ jws, since, ended }) => ({ agreement: jws, since, ended })),
      });
      const told = rows.map((row, at) => {
        const refused = taken[at]?.refused;
        if (refused) onRefused(new Refusal('agreement-invalid', `${row.id}: ${refused.code} ${refused.detail}`));
        return { row, refused: refused?.code ?? null };
      });
      await keep(told);
    },
  });
}
