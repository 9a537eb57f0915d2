import { useState } from 'preact/hooks';
import { EventList } from './event-list.js';
import type { State } from './live.js';
import { Choice, Skeleton, Title } from './parts.js';
import { texts } from './texts.js';

type Filter = keyof typeof texts.events.filters;
const hour = 3_600_000;

export function EventsPage({ state }: { state: State }) {
  const [filter, setFilter] = useState<Filter>('all');
  const [wanted, setWanted] = useState('');
  const words = texts.events;
  if (!state.events)
    return (
      <>
        <Title page={words.pageTitle}>{words.asking}</Title>
        <Skeleton lines={6} />
      </>
    );

  const refusals = state.events.filter(({ type, at }) => type === 'refused' && at > Date.now() - hour).length;
  const search = wanted.trim().toLowerCase();
  const found = state.events
    .filter(({ type }) => filter === 'all' || type === 'refused')
    .filter(({ type, box, text, code }) => `${type} ${box} ${text} ${code}`.toLowerCase().includes(search));
  const isNothing = state.events.length === 0;
  return (
    <>
      <Title page={words.pageTitle}>{isNothing ? words.empty : words.summary(refusals)}</Title>
      <p class="lead">{isNothing ? words.emptyWhat : words.lead}</p>
      {!isNothing && (
        <>
          <search>
            <form class="filters" onSubmit={(event) => event.preventDefault()}>
              <Choice name="filter" legend={words.only} options={words.filters} value={filter} choose={setFilter} />
              <label for="search">{words.search}</label>
              <input
                id="search"
                type="search"
                placeholder={words.searchHint}
                value={wanted}
                onInput={(event) => setWanted(event.currentTarget.value)}
              />
            </form>
          </search>
          <EventList events={found} empty={words.none} />
        </>
      )}
    </>
  );
}
