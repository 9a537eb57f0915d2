/**
 * What was counted, durable: each entry with the key that it came under, how far each count is, the months that were
 * summed up, and the owner's caps.
 */
import type { Database, Operation } from '#common/commits.js';
import type { UsageEntry, UsageStatement } from '#contract/metering.js';
import type { Count } from './count.js';

export interface StatementRow {
  statement: UsageStatement;
  told: boolean;
  refused: string | null;
}

export type CountRow = Count & { /** The last entry of the last statement that the provider has. */ toldTo: number };

const numbered = (agreement: string, number: number): string => `${agreement}!${String(number).padStart(10, '0')}`;

export async function openUsage({ db }: { db: Database }) {
  const json = { valueEncoding: 'json' } as const;
  const counts = db.sublevel<string, CountRow>('usage-counts', json);
  const entries = db.sublevel<string, UsageEntry>('usage-entries', json);
  const keys = db.sublevel<string, number>('usage-keys', json);
  const statements = db.sublevel<string, StatementRow>('usage-statements', json);
  const caps = db.sublevel<string, string>('usage-caps', json);
  const heldCounts = new Map<string, CountRow>(await counts.iterator().all());
  const untold = new Map<string, StatementRow>();
  for await (const [key, row] of statements.iterator()) if (!row.told) untold.set(key, row);
  const heldCaps = new Map<string, string>(await caps.iterator().all());

  return {
    count: (agreement: string) => heldCounts.get(agreement),
    counts: () => [...heldCounts.values()],
    cap: (app: string) => heldCaps.get(app) ?? null,
    /** Statements, oldest first. */
    untold: () => [...untold.values()].sort((a, b) => a.statement.number - b.statement.number),
    /** By the keys that they came under; undefined where nothing did. */
    async known(
      wishes: readonly { agreements: readonly string[]; key: string }[],
    ): Promise<(UsageEntry | undefined)[]> {
      const places = wishes.flatMap(({ agreements, key }, wish) =>
        agreements.filter((one) => heldCounts.has(one)).map((agreement) => ({ wish, agreement, key })),
      );
      const numbers = await keys.getMany(places.map(({ agreement, key }) => `${agreement}!${key}`));
      const found = wishes.map((): UsageEntry | undefined => undefined);
      await Promise.all(
        places.map(async ({ wish, agreement }, at) => {
          const number = numbers[at];
          if (number !== undefined) found[wish] = await entries.get(numbered(agreement, number));
        }),
      );
      return found;
    },
    statementsOf: (agreement: string): Promise<StatementRow[]> =>
      statements.values({ gt: `${agreement}!`, lt: `${agreement}"` }).all(),
    entries: (agreement: string, after: number, limit: number): Promise<UsageEntry[]> =>
      entries.values({ gt: numbered(agreement, after), lt: `${agreement}"`, limit }).all(),

    putEntry: (entry: UsageEntry): Operation[] => [
      { type: 'put', sublevel: entries, key: numbered(entry.agreement, entry.entry), value: entry },
      { type: 'put', sublevel: keys, key: `${entry.agreement}!${entry.key}`, value: entry.entry },
    ],
    dropEntry: ({ agreement, entry, key }: UsageEntry): Operation[] => [
      { type: 'del', sublevel: entries, key: numbered(agreement, entry) },
      { type: 'del', sublevel: keys, key: `${agreement}!${key}` },
    ],
    putCount: (value: CountRow): Operation => ({ type: 'put', sublevel: counts, key: value.agreement, value }),
    putStatement: (value: StatementRow): Operation => ({
      type: 'put',
      sublevel: statements,
      key: numbered(value.statement.agreement, value.statement.number),
      value,
    }),
    dropStatement: ({ statement: { agreement, number } }: StatementRow): Operation => ({
      type: 'del',
      sublevel: statements,
      key: numbered(agreement, number),
    }),
    putCap: (app: string, amount: string | null): Operation =>
      amount === null
        ? { type: 'del', sublevel: caps, key: app }
        : { type: 'put', sublevel: caps, key: app, value: amount },
    /** Once it is on the disk. */
    apply(change: {
      counts?: Iterable<CountRow>;
      /** Before those of `statements`, which may take their place. */
      gone?: Iterable<StatementRow>;
      statements?: Iterable<StatementRow>;
      cap?: [string, string | null];
    }) {
      for (const count of change.counts ?? []) heldCounts.set(count.agreement, count);
      for (const { statement } of change.gone ?? []) untold.delete(numbered(statement.agreement, statement.number));
      for (const row of change.statements ?? []) {
        const key = numbered(row.statement.agreement, row.statement.number);
        if (row.told) untold.delete(key);
        else untold.set(key, row);
      }
      if (change.cap) {
        const [app, amount] = change.cap;
        if (amount === null) heldCaps.delete(app);
        else heldCaps.set(app, amount);
      }
    },
  };
}
export type Usage = Awaited<ReturnType<typeof openUsage>>;
