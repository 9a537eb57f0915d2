/**
 * What the provider answered about statements, made durable: each is stored there, or never will be, which the owner is told;
 * or the provider's chain stands elsewhere, and this one goes on behind it.
 */
import type { Database, Operation } from '#common/commits.js';
import type { Decision, Ledger } from '../consent/ledger.js';
import type { CountRow, StatementRow, Usage } from './book.js';
import { forgotten, isNext, resume } from './resume.js';
import type { Answered } from './statements.js';

/** Answers whether a chain was moved: what waits of it is to be told otherwise. */
export async function keepAnswers(
  {
    store,
    ledger,
    usage,
  }: {
    store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
    ledger: Pick<Ledger, 'decide'>;
    usage: Usage;
  },
  answers: readonly Answered[],
): Promise<boolean> {
  const counts = new Map<string, CountRow>();
  const rows: StatementRow[] = [];
  const gone: StatementRow[] = [];
  const decisions: Decision[] = [];
  const moved = new Set<string>();

  for (const { row, refused, last } of answers) {
    const { agreement, app, member, number, period, to } = row.statement;
    const count = counts.get(agreement) ?? usage.count(agreement);
    if (!count || moved.has(agreement)) continue;
    const decide = (type: string, facts: Decision['facts']): void =>
      void decisions.push({ by: 'box', type, facts: { agreement, app, member, ...facts } });
    if (refused && last !== undefined && !isNext(row.statement, last)) {
      moved.add(agreement);
      const again = forgotten(await usage.statementsOf(agreement), last);
      rows.push(...again.map((one) => ({ ...one, told: false })));
      if (again.length > 0) continue;
      const waits = usage
        .untold()
        .filter(({ statement }) => statement.agreement === agreement && statement.number >= number);
      const made = resume(count, waits, last);
      gone.push(...waits);
      rows.push(...made.rows);
      counts.set(agreement, made.count);
      const { over, dropped } = made;
      decide('terms.usage-restarted', { number: last?.number ?? 0, entry: last?.to ?? 0, over: over.length, dropped });
      continue;
    }
    rows.push({ ...row, told: true, refused: refused?.code ?? null });
    counts.set(agreement, { ...count, toldTo: Math.max(count.toldTo, to) });
    if (refused) decide('terms.usage-refused', { period, code: refused.code });
  }

  const operations = [
    ...gone.map(usage.dropStatement),
    ...rows.map(usage.putStatement),
    ...[...counts.values()].map(usage.putCount),
  ];
  if (decisions.length > 0) await ledger.decide(() => ({ decisions, operations }));
  else await store.commit(operations);
  usage.apply({ gone, statements: rows, counts: counts.values() });
  return moved.size > 0;
}
