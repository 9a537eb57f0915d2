/** A month's account as a table for the owner to keep: one line a charge, amounts as they were told. */
import { csvLine } from '#common/csv.js';
import type { OwnerMonth } from '#contract/owner-months.js';

const head = [
  ...['month', 'app', 'member', 'plan', 'agreement', 'entry', 'about', 'for', 'unit', 'quantity', 'days', 'price'],
  ...['amount', 'currency', 'reason', 'differs'],
];

/** RFC 4180. */
export function monthCsv({ month, lines, differences }: OwnerMonth): string {
  const rows = lines.map((one, at) => [
    ...[month, one.app, one.member, one.plan, one.agreement, one.kind, one.period, one.for],
    ...[one.unit ?? '', one.quantity ?? '', one.days ? `${one.days.held} of ${one.days.of}` : '', one.price ?? ''],
    ...[one.amount, one.currency, one.reason ?? ''],
    differences
      .filter(({ line }) => line === at)
      .map(({ is, said, own }) => `${is}: ${said ?? ''} (box: ${own ?? ''})`)
      .join('; '),
  ]);
  return [head, ...rows].map((cells) => `${csvLine(cells)}\r\n`).join('');
}
