/** What apps cost: this month so far, as the box reckons it, and the months that the provider has closed. */
import type { MonthGlance, MonthsView, OpenMonth } from '#contract/owner-months.js';
import { monthName } from './format.js';
import type { HomeProps } from './home.js';
import { MonthLine } from './month-line.js';
import { Failure, Mark, Skeleton, Title, Trouble, useForm, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';

const words = texts.months.list;

function headline({ open, closed }: MonthsView): string {
  const differing = closed.filter(({ differences, isSeen }) => differences > 0 && !isSeen).length;
  if (differing > 0) return words.differs(differing);
  const [now] = open;
  return now && !now.isOver ? words.title(now.month, texts.months.sums(now.sums)) : words.nothing;
}

function Open({ open, nameOf }: { open: OpenMonth; nameOf: (app: string) => string }) {
  const { month, isOver, lines, sums } = open;
  return (
    <section class="panel" aria-labelledby={`open-${month}`}>
      <h2 id={`open-${month}`}>{isOver ? words.over(month) : words.open(month)}</h2>
      <p class="muted">{words.openLead}</p>
      <ul class="month-lines">
        {lines.map((line) => (
          <MonthLine key={`${line.agreement} ${line.for} ${line.unit}`} line={line} name={nameOf(line.app)} />
        ))}
      </ul>
      <p class="month-sum">
        <span>{words.sum}</span> <strong>{texts.months.sums(sums)}</strong>
      </p>
    </section>
  );
}

function Closed({ closed }: { closed: readonly MonthGlance[] }) {
  return (
    <section class="panel" aria-labelledby="closed">
      <h2 id="closed">{words.closed}</h2>
      {closed.length === 0 && <p class="muted">{words.none}</p>}
      <ul class="choices app-lines">
        {closed.map(({ box, month, sums, entries, differences }) => (
          <li key={`${box} ${month}`}>
            <Link to={`/months/${box}/${month}`}>
              <span class="inside">
                <strong>{monthName(month)}</strong>
                <span>{entries === 0 ? words.nothingOf : texts.months.sums(sums)}</span>
                {differences > 0 ? (
                  <Mark tone="attention">{words.marked(differences)}</Mark>
                ) : (
                  entries > 0 && <Mark tone="good">{words.agrees}</Mark>
                )}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Months({ live, version, nameOf }: HomeProps & { version: number; nameOf: (app: string) => string }) {
  const { value, error, again } = useAsked<MonthsView>('/v1/months', version);
  const form = useForm(async () => {
    await live.act('POST', '/v1/months/ask');
    again();
    return undefined;
  });
  if (!value) return error === undefined ? <Skeleton /> : <Failure error={error} />;
  const { askedAt, problem } = value;
  return (
    <div class="page wide">
      <Title>{headline(value)}</Title>
      <form class="month-asked" onSubmit={form.submit}>
        <p>
          {askedAt === null ? (
            words.never
          ) : (
            <>
              {words.asked} <When at={askedAt} />.
            </>
          )}{' '}
          {problem && askedAt !== null && words.offline}
        </p>
        {problem && form.error === undefined && <Trouble told={problem} tone="attention" live={false} />}
        <Failure error={form.error} />
        <button type="submit" aria-disabled={form.isWorking}>
          {form.isWorking ? texts.working : words.ask}
        </button>
      </form>
      {value.open.map((open) => (
        <Open key={open.month} open={open} nameOf={nameOf} />
      ))}
      <Closed closed={value.closed} />
    </div>
  );
}
