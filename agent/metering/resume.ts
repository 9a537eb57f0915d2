/**
 * How a chain of statements goes on where the provider's stands elsewhere: because this box came back older than it was, as
 * from a copy of its card, or because the provider did. What the provider has stands, so nothing is charged twice: months
 * that it has a statement of are over, and the next one is numbered and hashed behind its last. Pure.
 */

import { hashOfText } from '#contract/ledger-chain.js';
import type { StatementPlace, UsageStatement } from '#contract/metering.js';
import type { CountRow, StatementRow } from './book.js';
import { statementText } from './statements.js';

/** Whether the refused statement is the next one there, so that it is refused for what it says. */
export const isNext = ({ number, previous }: UsageStatement, last: StatementPlace | null): boolean =>
  number === (last?.number ?? 0) + 1 && previous === (last?.sha256 ?? null);

/** Those that the provider has taken and forgotten since; none where it has something else. */
export function forgotten(all: readonly StatementRow[], last: StatementPlace | null): StatementRow[] {
  const isKnown = ({ statement }: StatementRow): boolean =>
    statement.number === last?.number && hashOfText(statementText(statement)) === last.sha256;
  if (last !== null && !all.some(isKnown)) return [];
  return all.filter(
    ({ statement, told, refused }) => told && refused === null && statement.number > (last?.number ?? 0),
  );
}

export interface Resumed {
  count: CountRow;
  /** Those that are to be told, in their order. */
  rows: StatementRow[];
  /** Of months that the provider has. */
  over: StatementRow[];
  /** Entries of such a month that no statement had summed up. */
  dropped: number;
}

/** @param untold of the agreement, in their order */
export function resume(count: CountRow, untold: readonly StatementRow[], last: StatementPlace | null): Resumed {
  const isOver = (period: string): boolean => last !== null && period <= last.period;
  let end = { number: last?.number ?? 0, sha256: last?.sha256 ?? null, to: last?.to ?? 0, head: last?.head ?? null };
  const next = (from: number, before: string | null) =>
    from === end.to + 1 && before === end.head ? null : { to: end.to, head: end.head };

  const rows: StatementRow[] = [];
  for (const row of untold.filter(({ statement }) => !isOver(statement.period))) {
    const { restarted: _, ...rest } = row.statement;
    const restarted = next(rest.from, rest.before);
    const statement: UsageStatement = {
      ...{ ...rest, number: end.number + 1, previous: end.sha256 },
      ...(restarted ? { restarted } : {}),
    };
    rows.push({ statement, told: false, refused: null });
    const { number, to, head } = statement;
    end = { number, to, head, sha256: hashOfText(statementText(statement)) };
  }

  const { period, stated } = count;
  const isOpen = period !== null && !isOver(period);
  return {
    rows,
    over: untold.filter(({ statement }) => isOver(statement.period)),
    dropped: period !== null && !isOpen ? count.entry - count.from + 1 : 0,
    count: {
      ...count,
      ...{ number: end.number, previous: end.sha256 },
      stated: last && (stated === null || stated < last.period) ? last.period : stated,
      restarted: isOpen ? next(count.from, count.before) : next(count.entry + 1, count.head),
      ...(isOpen ? {} : { period: null, sums: [] }),
      // What the provider has a statement of need not wait for one.
      toldTo: period !== null && !isOpen ? count.entry : count.toldTo,
    },
  };
}
