import { useState } from 'preact/hooks';
import type { AccountMonth, NextMonth } from '#contract/accounts.js';
import { call } from './api.js';
import { Asking } from './asking.js';
import type { Live } from './live.js';
import { may, WhoCan } from './may.js';
import { Failure, Mark, Skeleton, Title, useAsked, When, Wide } from './parts.js';
import { Link } from './route.js';
import { monthTexts as words } from './texts-months.js';

/** The first moment behind it. */
const endOf = (month: string): number => Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 1);

const summary = ({ month, isOver, isBegun }: NextMonth): string =>
  isBegun ? words.begun(month) : isOver ? words.waits(month) : words.runs(month);

function ByItself({ next, live, again }: { next: NextMonth; live: Live; again: () => void }) {
  const [days, setDays] = useState(String(next.afterDays ?? 10));
  const [isWrong, setWrong] = useState(false);
  const [error, setError] = useState<unknown>();
  const set = (afterDays: number | null) =>
    live.watch(call('PUT', '/v1/accounts/closing', { body: { afterDays } })).then(again, setError);
  const submit = (event: Event): void => {
    event.preventDefault();
    const wished = Number(days);
    const isFine = Number.isInteger(wished) && wished >= 1 && wished <= 60;
    setWrong(!isFine);
    if (isFine) void set(wished);
  };
  return (
    <form class="panel create" onSubmit={submit} noValidate aria-labelledby="by-itself">
      <h2 id="by-itself">{words.itself}</h2>
      {error !== undefined && <Failure error={error} />}
      <label for="after-days">{words.afterDays}</label>
      <p class="muted" id="after-hint">
        {words.afterHint}
      </p>
      {isWrong && (
        <p id="after-fault" class="fault">
          <Mark tone="trouble">{words.wrong}</Mark>
        </p>
      )}
      <input
        id="after-days"
        type="text"
        inputMode="numeric"
        maxLength={2}
        value={days}
        aria-invalid={isWrong}
        aria-describedby={isWrong ? 'after-hint after-fault' : 'after-hint'}
        onInput={(event) => setDays(event.currentTarget.value)}
      />
      <div class="acts">
        <button type="submit">{words.save}</button>
        {next.afterDays !== null && (
          <button type="button" onClick={() => void set(null)}>
            {words.off}
          </button>
        )}
      </div>
    </form>
  );
}

function Next({ next, live, again }: { next: NextMonth; live: Live; again: () => void }) {
  const { month, isOver, isBegun, afterDays, closesAt } = next;
  const how = closesAt !== null ? words.byItself(closesAt) : afterDays === null ? words.byHand : words.first;
  return (
    <section class="panel" aria-labelledby="next">
      <h2 id="next">{words.next}</h2>
      <p>
        <strong>{words.monthName(month)}</strong>{' '}
        <span class="muted">{!isOver && `${words.ends(endOf(month) - 1)} `}</span>
        {how}
      </p>
      {isOver && may(live, 'admin') && (
        <Asking
          words={{
            ...{ act: isBegun ? words.goOn : words.close, named: `${words.close}: ${words.monthName(month)}` },
            ...{ ask: words.closeAsk(month), yes: words.closeYes, no: words.no },
          }}
          act={async () => {
            await live.watch(call('POST', `/v1/accounts/${month}/close`));
            again();
          }}
        />
      )}
    </section>
  );
}

export function Totals({ months }: { months: readonly AccountMonth[] }) {
  const { head } = words;
  const amounts = new Set([head.owners, head.members, head.territory, head.alliance]);
  return (
    <Wide label={words.closed}>
      <table class="months">
        <thead>
          <tr>
            {Object.values(head).map((one) => (
              <th key={one} scope="col" class={amounts.has(one) ? 'amount' : ''}>
                {one}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {months.flatMap(({ month, state, closedAt, owners, totals }) =>
            (totals.length === 0 ? [null] : totals).map((total) => (
              <tr key={`${month} ${total?.currency}`}>
                <th scope="row">
                  {state === 'closed' ? (
                    <Link to={`/months/${month}`}>{words.monthName(month)}</Link>
                  ) : (
                    words.monthName(month)
                  )}
                </th>
                <td>{closedAt === null ? <Mark tone="attention">{words.closing}</Mark> : <When at={closedAt} />}</td>
                <td>{owners.toLocaleString('en-GB')}</td>
                {total ? (
                  <>
                    <td>{total.currency}</td>
                    <td class="amount">{total.owners}</td>
                    <td class="amount">{total.members}</td>
                    <td class="amount">{total.provider}</td>
                    <td class="amount">{total.alliance}</td>
                  </>
                ) : (
                  <td colSpan={5} class="muted">
                    {words.nothing}
                  </td>
                )}
              </tr>
            )),
          )}
        </tbody>
      </table>
    </Wide>
  );
}

export function MonthsPage({ live }: { live: Live }) {
  const asked = useAsked('months', () =>
    live.watch(Promise.all([call<NextMonth>('GET', '/v1/accounts/next'), call<AccountMonth[]>('GET', '/v1/accounts')])),
  );
  const [next, months] = asked.value ?? [];
  return (
    <>
      <Title page={words.pageTitle}>{next ? summary(next) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      {asked.error !== undefined && live.state.reachable && <Failure error={asked.error} />}
      <WhoCan live={live} needs="admin" act="months" />
      {next && months ? (
        <>
          <Next next={next} live={live} again={asked.again} />
          <h2>{words.closed}</h2>
          {months.length === 0 ? <p class="panel empty">{words.none}</p> : <Totals months={[...months].reverse()} />}
          {may(live, 'admin') && <ByItself key={String(next.afterDays)} next={next} live={live} again={asked.again} />}
        </>
      ) : (
        <Skeleton lines={5} />
      )}
    </>
  );
}
