/**
 * The closed months and invoices that this box was told, durable. They are kept as they came, with where they differed from
 * what the box knew then. The newest stay: when there are too many, or they are too large, the oldest month goes, and the
 * oldest invoice.
 */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { BoxId } from '#contract/box-id.js';
import { Time } from '#contract/health.js';
import { BoxInvoice, BoxMonth } from '#contract/months.js';
import { Difference } from '#contract/owner-months.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const place = { territory: Type.String(), box: BoxId };

export const MonthRow = Type.Object({
  ...place,
  told: BoxMonth,
  keptAt: Time,
  differences: Type.Array(Difference),
  isSeen: Type.Boolean(),
});
export type MonthRow = Static<typeof MonthRow>;
export const InvoiceRow = Type.Object({ ...place, invoice: BoxInvoice });
export type InvoiceRow = Static<typeof InvoiceRow>;
/** As which box the provider was asked, and when it answered last. */
export const AskedRow = Type.Object({ ...place, at: Time });
export type AskedRow = Static<typeof AskedRow>;

export interface Bounds {
  months: number;
  invoices: number;
  /** Of each. */
  bytes: number;
}

export const monthKey = ({ told, territory, box }: Pick<MonthRow, 'told' | 'territory' | 'box'>): string =>
  `${told.month}!${territory}!${box}`;
const invoiceKey = ({ invoice, territory, box }: InvoiceRow): string =>
  `${invoice.month}!${territory}!${box}!${invoice.number}`;

/** What is kept by key, of which the smallest, which is the oldest, goes first. Values are read when they are asked for. */
async function openShelf<S extends typeof MonthRow | typeof InvoiceRow>(
  db: Database,
  name: string,
  { schema, most, onRefused }: { schema: S; most: { rows: number; bytes: number }; onRefused(refusal: Refusal): void },
) {
  const sublevel = db.sublevel<string, unknown>(name, { valueEncoding: 'json' });
  const sizes = new Map<string, number>();
  const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  for await (const [key, value] of sublevel.iterator()) sizes.set(key, sizeOf(value));

  function read(key: string, value: unknown): Static<S> | undefined {
    if (value === undefined) return undefined;
    const row = check(schema, value);
    if (row.ok) return row.value;
    onRefused(new Refusal('internal', `the record of ${key}: ${describeFaults(row.faults)}`));
    return undefined;
  }
  return {
    has: (key: string) => sizes.has(key),
    /** Oldest first. */
    keys: () => [...sizes.keys()].sort(),
    get: async (key: string): Promise<Static<S> | undefined> => read(key, await sublevel.get(key)),
    /** With what goes to make room for them. */
    put(rows: ReadonlyMap<string, Static<S>>): { operations: Operation[]; apply(): void } {
      const after = new Map(sizes);
      for (const [key, row] of rows) after.set(key, sizeOf(row));
      let bytes = [...after.values()].reduce((sum, one) => sum + one, 0);
      const gone: string[] = [];
      for (const key of [...after.keys()].sort()) {
        if (after.size <= most.rows && bytes <= most.bytes) break;
        bytes -= after.get(key) ?? 0;
        after.delete(key);
        gone.push(key);
      }
      const kept = [...rows].filter(([key]) => after.has(key));
      return {
        operations: [
          ...gone.filter((key) => sizes.has(key)).map((key): Operation => ({ type: 'del', sublevel, key })),
          ...kept.map(([key, value]): Operation => ({ type: 'put', sublevel, key, value })),
        ],
        apply() {
          sizes.clear();
          for (const [key, size] of after) sizes.set(key, size);
        },
      };
    },
  };
}

export async function openBook({
  db,
  onRefused,
  bounds: { months, invoices, bytes } = { months: 60, invoices: 120, bytes: 12 * 1024 * 1024 },
}: {
  db: Database;
  onRefused: (refusal: Refusal) => void;
  bounds?: Bounds | undefined;
}) {
  const state = db.sublevel<string, unknown>('account-asked', { valueEncoding: 'json' });
  const read = check(AskedRow, (await state.get('last')) ?? null);
  let asked: AskedRow | undefined = read.ok ? read.value : undefined;
  return {
    months: await openShelf(db, 'account-months', { schema: MonthRow, most: { rows: months, bytes }, onRefused }),
    invoices: await openShelf(db, 'account-invoices', {
      ...{ schema: InvoiceRow, most: { rows: invoices, bytes }, onRefused },
    }),
    invoiceKey,
    asked: () => asked,
    putAsked: (row: AskedRow): { operations: Operation[]; apply(): void } => ({
      operations: [{ type: 'put', sublevel: state, key: 'last', value: row }],
      apply() {
        asked = row;
      },
    }),
  };
}
export type Book = Awaited<ReturnType<typeof openBook>>;
