/** One charge: what for, how it comes to that, and where the box reckons otherwise. */
import type { BoxEntry } from '#contract/months.js';
import type { Difference, OpenLine } from '#contract/owner-months.js';
import { monthName } from './format.js';
import { Mark } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const words = texts.months;

function basis({ for: way, price, unit, quantity, days, currency }: OpenLine): string {
  if (quantity !== null && unit !== null && price !== null) return words.used(quantity, unit, price, currency);
  if (days !== null && price !== null) return words.days(days.held, days.of, price, currency, way);
  return words.way(way);
}

const isEntry = (line: OpenLine | BoxEntry): line is BoxEntry => 'kind' in line;

export function MonthLine(props: {
  line: OpenLine | BoxEntry;
  name: string;
  /** Where it is of another month than the account. */
  month?: string;
  differences?: readonly Difference[];
}) {
  const { line, name, month, differences = [] } = props;
  const more = isEntry(line)
    ? [
        ...(line.period === month ? [] : [monthName(line.period)]),
        ...(words.kind(line.kind) ? [words.kind(line.kind)] : []),
        ...(line.reason === null ? [] : [`“${line.reason}”`]),
      ]
    : [];
  return (
    <li>
      <span class="inside">
        <Link to={`/apps/${line.app}`}>
          <bdi>{name}</bdi>
        </Link>
        <span>{basis(line)}</span>
        {more.length > 0 && <span class="muted">{more.join(', ')}</span>}
        <small class="muted">
          {words.one.agreement} <code>{line.agreement}</code>
        </small>
      </span>
      <strong class="money">{words.money(line.amount, line.currency)}</strong>
      {differences.map((one) => (
        <Mark key={one.is} tone="attention">
          {words.differs(one)}
        </Mark>
      ))}
    </li>
  );
}
