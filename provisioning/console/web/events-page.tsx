/** What happened: live, of one kind where one is asked for, and earlier ones a page at a time. */
import { useState } from 'preact/hooks';
import type { FleetEvent } from '#contract/operator.js';
import { call } from './api.js';
import { EventList } from './event-list.js';
import type { Live, State } from './live.js';
import { Choice, Failure, Skeleton, Title, useAsked } from './parts.js';
import { restate, useAddress } from './route.js';
import { texts } from './texts.js';

type Filter = keyof typeof texts.events.filters;
const words = texts.events;
const hour = 3_600_000;
const pageSize = 100;

export const eventsAddress = (type: string): string =>
  type === '' ? '/events' : `/events?type=${encodeURIComponent(type)}`;
const path = (type: string, before?: string): string =>
  `/v1/events?limit=${pageSize}${type && `&type=${encodeURIComponent(type)}`}${before === undefined ? '' : `&before=${before}`}`;

/** Ascending, each once. */
const together = (...lists: (readonly FleetEvent[])[]): FleetEvent[] =>
  [...new Map(lists.flat().map((event) => [event.id, event])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));

function Found(props: { type: string; wanted: string; live: Live; known: readonly FleetEvent[] }) {
  const { type, wanted, live, known } = props;
  const asked = useAsked(`events ${type}`, (signal) => live.watch(call<FleetEvent[]>('GET', path(type), { signal })));
  const [older, setOlder] = useState<{ events: FleetEvent[]; isEnd: boolean }>({ events: [], isEnd: false });
  const [error, setError] = useState<unknown>();
  const mine = known.filter((event) => type === '' || event.type === type);
  const events = together(older.events, asked.value ?? [], mine);
  const search = wanted.trim().toLowerCase();
  const found = events.filter(({ type, box, text, code }) =>
    `${type} ${box} ${text} ${code}`.toLowerCase().includes(search),
  );

  async function more(): Promise<void> {
    setError(undefined);
    try {
      const page = await live.watch(call<FleetEvent[]>('GET', path(type, events[0]?.id)));
      setOlder((before) => ({ events: together(page, before.events), isEnd: page.length < pageSize }));
    } catch (refused) {
      setError(refused);
    }
  }
  const isEnd = older.isEnd || (asked.value !== undefined && asked.value.length < pageSize);
  const fault = error ?? asked.error;
  return (
    <>
      {fault !== undefined && live.state.reachable && <Failure error={fault} />}
      {!asked.value && events.length === 0 && fault === undefined ? (
        <Skeleton lines={6} />
      ) : (
        <EventList events={found} empty={words.none} />
      )}
      {isEnd ? (
        <p class="muted">{words.end}</p>
      ) : (
        <div class="acts">
          <button type="button" onClick={() => void more()}>
            {words.earlier}
          </button>
        </div>
      )}
    </>
  );
}

export function EventsPage({ live, state }: { live: Live; state: State }) {
  const [wanted, setWanted] = useState('');
  const type = new URLSearchParams(useAddress().query).get('type') ?? '';
  if (!state.events)
    return (
      <>
        <Title page={words.pageTitle}>{words.asking}</Title>
        <Skeleton lines={6} />
      </>
    );

  const refusals = state.events.filter(({ type, at }) => type === 'refused' && at > Date.now() - hour).length;
  const isNothing = state.events.length === 0 && type === '';
  const choice: Filter | undefined = type === '' ? 'all' : type === 'refused' ? 'refused' : undefined;
  const kinds = Object.entries(words.types);
  return (
    <>
      <Title page={words.pageTitle}>{isNothing ? words.empty : words.summary(refusals)}</Title>
      <p class="lead">{isNothing ? words.emptyWhat : words.lead}</p>
      {!isNothing && (
        <>
          <search>
            <form class="filters" onSubmit={(event) => event.preventDefault()}>
              <Choice
                {...{ name: 'filter', legend: words.only, options: words.filters, value: choice }}
                choose={(filter) => restate(eventsAddress(filter === 'all' ? '' : filter))}
              />
              <label for="kind">{words.kind}</label>
              <select id="kind" value={type} onChange={(event) => restate(eventsAddress(event.currentTarget.value))}>
                <option value="">{words.everyKind}</option>
                {!kinds.some(([kind]) => kind === type) && type !== '' && <option value={type}>{type}</option>}
                {kinds.map(([kind, name]) => (
                  <option key={kind} value={kind}>
                    {name}
                  </option>
                ))}
              </select>
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
          <Found key={type} {...{ type, wanted, live }} known={state.events} />
        </>
      )}
    </>
  );
}
