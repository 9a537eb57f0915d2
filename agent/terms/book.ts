/**
 * What the owner has agreed to, durable: each agreement as it was signed, and what became of it. It is written with its
 * entry in the ledger, in one synced batch.
 */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { Agreement, AgreementId, ChangeNotice, EndReason } from '#contract/agreements.js';
import { Time } from '#contract/health.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const AgreementRow = Type.Object(
  {
    id: AgreementId,
    agreement: Agreement,
    /** As the owner signed it. */
    jws: Type.String(),
    /** When the app was first there under it. */
    since: NullOr(Time),
    ended: NullOr(Type.Object({ at: Time, why: EndReason, end: NullOr(Type.String()) })),
    /** Of the terms that are to come; `offered` names them all, so that other ones have a notice of their own. */
    notice: NullOr(Type.Object({ ...ChangeNotice.properties, offered: Type.String() })),
    /** Whether the provider has stored it as it is now, or why it never will. */
    told: Type.Boolean(),
    refused: NullOr(Type.String()),
  },
  { additionalProperties: true },
);
export type AgreementRow = Static<typeof AgreementRow>;

export interface Book {
  /** Newest first. */
  list(): AgreementRow[];
  get(id: string): AgreementRow | undefined;
  /** That holds now. */
  of(app: string): AgreementRow | undefined;
  /** In the batch that it belongs to; with it goes what has ended long ago. */
  operations(rows: readonly AgreementRow[]): Operation[];
  /** Once its operations are on the disk. */
  apply(rows: readonly AgreementRow[]): void;
}

/** Of those that have ended and were told. */
const mostPast = 200;

export async function openBook({
  db,
  onRefused,
}: {
  db: Database;
  onRefused: (refusal: Refusal) => void;
}): Promise<Book> {
  const sublevel = db.sublevel<string, unknown>('agreements', { valueEncoding: 'json' });
  const rows = new Map<string, AgreementRow>();
  for await (const [key, value] of sublevel.iterator()) {
    const read = check(AgreementRow, value);
    if (read.ok) rows.set(read.value.id, read.value);
    else onRefused(new Refusal('internal', `the record of ${key}: ${describeFaults(read.faults)}`));
  }

  const list = (): AgreementRow[] =>
    [...rows.values()].sort((a, b) => b.agreement.at - a.agreement.at || (a.id < b.id ? -1 : 1));
  const spent = (): AgreementRow[] =>
    list()
      .filter(({ ended, told }) => ended && told)
      .slice(mostPast);

  return {
    list,
    get: (id) => rows.get(id),
    of: (app) => [...rows.values()].find(({ agreement, ended }) => agreement.app === app && !ended),
    operations: (changed) => [
      ...spent().map(({ id }): Operation => ({ type: 'del', sublevel, key: id })),
      ...changed.map((value): Operation => ({ type: 'put', sublevel, key: value.id, value })),
    ],
    apply(changed) {
      for (const { id } of spent()) rows.delete(id);
      for (const row of changed) rows.set(row.id, row);
    },
  };
}
