/** All boxes, a page at a time: what the address asks for. The provider filters, sorts and counts. */
import { useEffect } from 'preact/hooks';
import type { FleetPage, FleetQuery } from '#contract/fleet.js';
import { buildFleetQuery } from '#contract/fleet-query.js';
import { call } from './api.js';
import { Filters } from './boxes-filter.js';
import { BoxesCards, BoxesTable, type Sorting } from './boxes-table.js';
import { firstPage, isFiltered, queryOf, tableAddress, withCursor, withoutFilter, withSort } from './fleet-address.js';
import type { Live, State } from './live.js';
import { Failure, Skeleton, Title, useAsked, useNarrow } from './parts.js';
import { Link, restate, turnTo, useAddress } from './route.js';
import { SavedFilters } from './saved-filters.js';
import { texts } from './texts.js';

const words = texts.boxes;
const pageSize = { wide: 50, narrow: 20 };

/** Of the boxes before this page, kept with the entry of the history: a cursor alone does not tell. */
const before = (note: unknown): number | undefined =>
  typeof note === 'object' && note !== null && 'before' in note && typeof note.before === 'number'
    ? note.before
    : undefined;

function Pages(props: { page: FleetPage; query: FleetQuery; seen: number | undefined; isCurrent: boolean }) {
  const { page, query, seen, isCurrent } = props;
  const isFirst = query.cursor === undefined;
  const from = isFirst ? 0 : seen;
  if (isFirst && page.next === null) return null;
  return (
    <nav class="pages" aria-label={words.pages}>
      {!isFirst && <Link to={tableAddress(firstPage(query))}>{words.first}</Link>}
      {!isFirst && seen !== undefined && (
        <button type="button" onClick={() => history.back()}>
          {words.previous}
        </button>
      )}
      {page.next !== null && (
        <button
          type="button"
          aria-disabled={!isCurrent}
          onClick={() => {
            const note = from === undefined ? null : { before: from + page.boxes.length };
            if (isCurrent) turnTo(tableAddress(withCursor(query, page.next ?? '')), note);
          }}
        >
          {words.next}
        </button>
      )}
    </nav>
  );
}

export function BoxesPage({ live, state }: { live: Live; state: State }) {
  const address = useAddress();
  const query = queryOf(address.query);
  const isNarrow = useNarrow();
  const text = buildFleetQuery({ ...query, limit: isNarrow ? pageSize.narrow : pageSize.wide });
  const asked = useAsked(text, (signal) => live.watch(call<FleetPage>('GET', `/v1/fleet?${text}`, { signal })));
  // The glance is asked for when boxes have news, at a pace that suits the size of the fleet.
  const freshAt = state.glance?.at;
  useEffect(() => {
    if (asked.value && freshAt !== undefined && freshAt > asked.value.at) asked.again();
  }, [freshAt]);

  const ask = (wanted: FleetQuery) => restate(tableAddress(wanted));
  const sorting: Sorting = {
    sort: query.sort ?? 'attention',
    reverse: query.reverse ?? false,
    choose: (sort) => ask(withSort(query, sort)),
  };
  const page = asked.latest;
  const seen = query.cursor === undefined ? 0 : before(address.note);
  const isAll = !isFiltered(query);
  return (
    <>
      <Title page={words.pageTitle}>{page ? words.title(page.total, isAll) : words.asking}</Title>
      <Filters query={query} glance={state.glance} ask={ask} />
      <SavedFilters query={query} live={live} ask={ask} />
      {asked.error !== undefined && state.reachable && <Failure error={asked.error} />}
      {!page && asked.error === undefined && <Skeleton lines={8} />}
      {page?.total === 0 && !isAll && (
        <div class="panel empty">
          <p>{words.title(0, false)}</p>
          <button type="button" onClick={() => ask(withoutFilter(query))}>
            {words.clear}
          </button>
        </div>
      )}
      {page?.total === 0 && isAll && (
        <div class="panel empty">
          <p>{texts.glance.emptyWhat}</p>
          <Link to="/claims" class="button main">
            {texts.glance.emptyAct}
          </Link>
        </div>
      )}
      {page && page.total > 0 && (
        <>
          <p class="lead" role="status">
            {seen === undefined || page.boxes.length === 0
              ? words.total(page.total)
              : words.range(seen + 1, seen + page.boxes.length, page.total)}
          </p>
          {isNarrow ? <BoxesCards boxes={page.boxes} /> : <BoxesTable boxes={page.boxes} sorting={sorting} />}
          <Pages page={page} query={query} seen={seen} isCurrent={asked.value !== undefined} />
        </>
      )}
    </>
  );
}
