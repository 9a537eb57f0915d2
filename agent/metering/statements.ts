/** A month that is over becomes a statement, and is told, signed by the box, until the provider has stored it. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { signJws } from '#common/jws.js';
import type { Signer } from '#common/pki/keys.js';
import { createTelling, type Telling } from '#common/telling.js';
import { canonicalJson, hashOfText } from '#contract/ledger-chain.js';
import {
  mostStatements,
  type StatementsTaken,
  type StatementsTold,
  type UsageStatement,
  usageStatementType,
} from '#contract/metering.js';
import { Refusal } from '#contract/problems.js';
import type { CountRow, StatementRow, Usage } from './book.js';

/** As the box is known now. */
export interface Signing {
  box: string;
  key: KeyObject | Signer;
  kid: string;
  x5c: string[];
}

export const statementText = (statement: UsageStatement): string => canonicalJson(statement);

/** Pure. Undefined when there is nothing to sum up. */
export function seal(count: CountRow, at: number): { count: CountRow; row: StatementRow } | undefined {
  const { agreement, app, member, box, period, from, entry, before, head, sums, previous, restarted } = count;
  if (period === null || head === null) return undefined;
  const number = count.number + 1;
  const statement: UsageStatement = {
    ...{ agreement, app, member, box, number, previous, period, from, to: entry, before, head, sums, at },
    ...(restarted ? { restarted } : {}),
  };
  const hash = hashOfText(statementText(statement));
  return {
    count: { ...count, period: null, sums: [], number, stated: period, previous: hash, restarted: null },
    row: { statement, told: false, refused: null },
  };
}

/** What the provider says of one. */
export type Answered = { row: StatementRow } & StatementsTaken['taken'][number];

export function createStatementCourier(parts: {
  usage: Usage;
  clock: Clock;
  isTold(agreement: string): boolean;
  box(): string | undefined;
  signing(): Promise<Signing | undefined>;
  tell(told: StatementsTold): Promise<StatementsTaken>;
  /** Answers whether what was refused is to be told otherwise. */
  keep(answers: readonly Answered[]): Promise<boolean>;
  onRefused(refusal: Refusal): void;
}): Telling {
  const { usage, clock, isTold, box, signing, tell, keep, onRefused } = parts;

  function waiting(): StatementRow[] {
    const mine = box();
    return usage.untold().filter(({ statement }) => statement.box === mine && isTold(statement.agreement));
  }

  return createTelling({
    ...{ clock, onRefused },
    waits: () => waiting().length > 0,
    async send() {
      const who = await signing();
      if (!who) throw new Refusal('not-a-member');
      const rows = waiting().slice(0, mostStatements);
      const { key, kid, x5c } = who;
      const signed = await Promise.all(
        rows.map(({ statement }) =>
          signJws({
            type: usageStatementType,
            payload: Buffer.from(statementText(statement)),
            ...{ key, kid, header: { x5c } },
          }),
        ),
      );
      const { taken } = await tell({ statements: signed });
      // Renewed meanwhile: what came under the new certificate and was signed under the old one is told once more.
      if ((await signing())?.x5c[0] !== x5c[0]) return;
      const answers = rows.map((row, at): Answered => ({ row, refused: null, ...taken[at] }));
      for (const { row, refused } of answers)
        if (refused) {
          const { agreement, period } = row.statement;
          onRefused(new Refusal('usage-invalid', `${agreement} ${period}: ${refused.code} ${refused.detail}`));
        }
      // With a pause: whoever answers otherwise each time is not asked without end.
      if (await keep(answers)) throw new Refusal('usage-other', 'the provider has another chain');
    },
  });
}
