import { useState } from 'preact/hooks';
import type { AccountMonth, MemberAccount, OwnerAccount } from '#contract/accounts.js';
import { call } from './api.js';
import type { Live } from './live.js';
import { Totals } from './months-page.js';
import { Failure, Skeleton, Title, useAsked, Wide } from './parts.js';
import { Link } from './route.js';
import { monthTexts } from './texts-months.js';

const words = monthTexts.one;
const perPage = 50;
const { charged, share, discount, alliance, income, price, amount } = words.head;
const amounts = new Set([charged, share, discount, alliance, income, price, amount]);

const Head = ({ names }: { names: readonly string[] }) => (
  <thead>
    <tr>
      {names.map((name) => (
        <th key={name} scope="col" class={amounts.has(name) ? 'amount' : ''}>
          {name}
        </th>
      ))}
    </tr>
  </thead>
);

function Members({ members }: { members: readonly MemberAccount[] }) {
  const { member, about } = words.head;
  if (members.length === 0) return <p class="panel empty">{words.noMembers}</p>;
  return (
    <Wide label={words.members}>
      <table class="months">
        <Head names={[member, about, monthTexts.head.currency, charged, share, discount, alliance, income]} />
        <tbody>
          {members.flatMap((one) =>
            one.lines.map((line) => (
              <tr key={`${one.territory} ${one.member} ${line.period} ${line.currency}`}>
                <th scope="row">
                  {one.member} <span class="muted">{one.territory}</span>
                </th>
                <td>{monthTexts.monthName(line.period)}</td>
                <td>{line.currency}</td>
                <td class="amount">{line.gross}</td>
                <td class="amount">{line.share}</td>
                <td class="amount">{line.discount}</td>
                <td class="amount">{line.alliance}</td>
                <td class="amount">
                  <strong>{line.income}</strong>
                </td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </Wide>
  );
}

function Account({ account }: { account: OwnerAccount }) {
  const { app, entry, about, what, used } = words.head;
  return (
    <Wide label={account.box}>
      <table class="months">
        <Head names={[app, entry, about, what, used, price, amount]} />
        <tbody>
          {account.entries.map((one) => (
            <tr key={`${one.agreement} ${one.period} ${one.for} ${one.unit ?? one.credit}`}>
              <th scope="row">
                {one.app} <span class="muted">{one.member}</span>
              </th>
              <td>{one.kind}</td>
              <td>{monthTexts.monthName(one.period)}</td>
              <td>{one.reason ?? one.unit ?? one.for}</td>
              <td>{one.quantity ?? (one.days ? words.days(one.days.held, one.days.of) : '')}</td>
              <td class="amount">{one.price ?? ''}</td>
              <td class="amount">
                {one.amount} {one.currency}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

const sumOf = ({ sums }: OwnerAccount): string =>
  sums.map(({ amount, currency }) => `${amount} ${currency}`).join(', ');

function Boxes({ month, live }: { month: string; live: Live }) {
  const path = `/v1/accounts/${month}/owners?limit=${perPage}`;
  const asked = useAsked(path, () => live.watch(call<OwnerAccount[]>('GET', path)));
  const [more, setMore] = useState<readonly OwnerAccount[]>([]);
  const [isAll, setAll] = useState(false);
  const [sought, setSought] = useState('');
  const [found, setFound] = useState<OwnerAccount>();
  const [error, setError] = useState<unknown>();
  const all = [...(asked.value ?? []), ...more];
  const next = async (): Promise<void> => {
    const page = await live.watch(call<OwnerAccount[]>('GET', `${path}&after=${all.at(-1)?.box ?? ''}`));
    setMore([...more, ...page]);
    setAll(page.length < perPage);
  };
  const find = (event: Event): void => {
    event.preventDefault();
    setError(undefined);
    setFound(undefined);
    const box = sought.trim();
    if (box === '') return;
    void live
      .watch(call<OwnerAccount>('GET', `/v1/accounts/${month}/boxes/${encodeURIComponent(box)}`))
      .then(setFound, setError);
  };
  const fault = asked.error ?? error;
  return (
    <>
      {fault !== undefined && live.state.reachable && <Failure error={fault} />}
      <form class="month-find" onSubmit={find}>
        <label for="find-box">{words.find}</label>
        <input
          id="find-box"
          type="text"
          maxLength={40}
          autocomplete="off"
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
        <button type="submit">{words.findAct}</button>
      </form>
      {found && (
        <>
          <h3>
            <Link to={`/boxes/${found.box}`}>{found.box}</Link>: {sumOf(found)}
          </h3>
          <Account account={found} />
        </>
      )}
      {!asked.value && asked.error === undefined && <Skeleton lines={4} />}
      {asked.value?.length === 0 && <p class="panel empty">{words.noBoxes}</p>}
      {all.map((account) => (
        <details key={account.box} class="month-box">
          <summary>
            <code>{account.box}</code> <strong class="amount">{sumOf(account)}</strong>
          </summary>
          <Account account={account} />
        </details>
      ))}
      {asked.value?.length === perPage && !isAll && (
        <div class="acts">
          <button type="button" onClick={() => void next().catch(setError)}>
            {words.more}
          </button>
        </div>
      )}
    </>
  );
}

export function MonthPage({ month, live }: { month: string; live: Live }) {
  const asked = useAsked(`month ${month}`, () =>
    live.watch(
      Promise.all([
        call<AccountMonth[]>('GET', '/v1/accounts'),
        call<MemberAccount[]>('GET', `/v1/accounts/${month}/members?limit=500`),
      ]),
    ),
  );
  const [months, members] = asked.value ?? [];
  const its = months?.find((one) => one.month === month);
  const title = its ? words.title(month, its.owners) : asked.error === undefined ? monthTexts.asking : words.gone;
  return (
    <>
      <p>
        <Link to="/months">{words.back}</Link>
      </p>
      <Title page={monthTexts.monthName(month)}>{title}</Title>
      {asked.error !== undefined && live.state.reachable && <Failure error={asked.error} />}
      {its && members && (
        <>
          <h2>{words.totals}</h2>
          <Totals months={[its]} />
          <div class="acts">
            <a class="button" href={`/v1/accounts/${month}/owners.csv`} download>
              {words.ownersCsv}
            </a>
            <a class="button" href={`/v1/accounts/${month}/members.csv`} download>
              {words.membersCsv}
            </a>
          </div>
          <h2>{words.members}</h2>
          <Members members={members} />
          <h2>{words.boxes}</h2>
          <Boxes month={month} live={live} />
          <p class="muted">
            {words.hash}: <code>{its.sha256}</code>
          </p>
        </>
      )}
    </>
  );
}
