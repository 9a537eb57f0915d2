/** What is asked of the table: a search, choices for each field, and a chip for everything that is asked. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { FleetGlance, FleetQuery, Tally } from '#contract/fleet.js';
import { conditionTitle } from './condition-words.js';
import { isFiltered, type ListField, withField, withoutFilter, withSearch } from './fleet-address.js';
import { texts } from './texts.js';

const words = texts.boxes;
const waitMilliseconds = 250;
const fields: readonly ListField[] = ['state', 'care', 'condition', 'severity', 'agent', 'model', 'place'];

export function sayValue(field: ListField, value: string): string {
  if (field === 'state') return texts.states[value as keyof typeof texts.states] ?? value;
  if (field === 'care') return words.care[value as keyof typeof words.care] ?? value;
  if (field === 'severity') return texts.severities[value as keyof typeof texts.severities] ?? value;
  if (field === 'condition') return conditionTitle(value);
  return value === '' ? (field === 'place' ? words.noPlace : words.unknown) : value;
}

interface Choice {
  value: string;
  boxes?: number;
}

const counted = (counts: Record<string, number> | undefined, names: readonly string[]): Choice[] =>
  names.map((value) => ({ value, ...(counts?.[value] !== undefined && { boxes: counts[value] }) }));

function kindsOf({ conditions }: FleetGlance): Choice[] {
  return [...new Set(conditions.map(({ kind }) => kind))].map((value) => ({ value }));
}

/** What there is to choose from: fixed, or what the fleet has now. */
function choicesOf(field: ListField, glance: FleetGlance | undefined): Choice[] {
  if (field === 'state') return counted(glance?.states, Object.keys(texts.states));
  if (field === 'care') return counted(glance?.care, Object.keys(words.care));
  if (field === 'severity') return counted(undefined, Object.keys(texts.severities));
  if (!glance) return [];
  if (field === 'condition') return kindsOf(glance);
  const tally: Tally = field === 'agent' ? glance.agents : field === 'model' ? glance.models : glance.places;
  return tally.values;
}

function Search({ query, ask }: { query: FleetQuery; ask: (query: FleetQuery) => void }) {
  const asked = query.search ?? '';
  const [typed, setTyped] = useState(asked);
  // What somebody turned back to, or took away.
  useEffect(() => setTyped((now) => (now.trim() === asked ? now : asked)), [asked]);
  useEffect(() => {
    if (typed.trim() === asked) return;
    const waiting = setTimeout(() => ask(withSearch(query, typed)), waitMilliseconds);
    return () => clearTimeout(waiting);
  }, [typed]);
  return (
    <>
      <label for="search">{words.search}</label>
      <input
        id="search"
        type="search"
        maxLength={100}
        placeholder={words.searchHint}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </>
  );
}

function Pick(props: {
  field: ListField;
  choices: readonly Choice[];
  chosen: readonly string[];
  choose: (values: string[]) => void;
}) {
  const { field, choices, chosen, choose } = props;
  const place = useRef<HTMLDetailsElement>(null);
  const close = () => place.current?.removeAttribute('open');
  // A value that no box has any more can still be taken away.
  const others = chosen.filter((value) => !choices.some((one) => one.value === value));
  const all: readonly Choice[] = [...choices, ...others.map((value) => ({ value }))];
  return (
    <details
      ref={place}
      class="pick"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !place.current?.open) return;
        close();
        place.current.querySelector('summary')?.focus();
      }}
      onFocusOut={(event) => {
        if (event.relatedTarget instanceof Node && !place.current?.contains(event.relatedTarget)) close();
      }}
    >
      <summary>
        {words.fields[field]}
        {chosen.length > 0 && <span class="count">{chosen.length}</span>}
      </summary>
      <fieldset>
        <legend class="unseen">{words.fields[field]}</legend>
        {field === 'state' && <p class="muted">{words.stateLag}</p>}
        {all.length === 0 && <p class="muted">{words.noChoice}</p>}
        {all.map(({ value, boxes }) => (
          <label key={value} class="check">
            <input
              type="checkbox"
              checked={chosen.includes(value)}
              onChange={({ currentTarget }) =>
                choose(currentTarget.checked ? [...chosen, value] : chosen.filter((one) => one !== value))
              }
            />
            <bdi>{sayValue(field, value)}</bdi>
            {boxes !== undefined && <span class="muted">{boxes.toLocaleString('en-GB')}</span>}
          </label>
        ))}
      </fieldset>
    </details>
  );
}

function Chips({ query, ask }: { query: FleetQuery; ask: (query: FleetQuery) => void }) {
  if (!isFiltered(query)) return null;
  const chips = fields.flatMap((field) => (query[field] ?? []).map((value) => ({ field, value: String(value) })));
  return (
    <ul class="chips" aria-label={words.filters}>
      {chips.map(({ field, value }) => {
        const chip = words.chip(words.fields[field], sayValue(field, value));
        const rest = (query[field] ?? []).filter((one) => one !== value);
        return (
          <li key={`${field} ${value}`}>
            <button
              type="button"
              class="chip"
              aria-label={words.dropChip(chip)}
              onClick={() => ask(withField(query, field, rest))}
            >
              <bdi>{chip}</bdi> <span aria-hidden="true">×</span>
            </button>
          </li>
        );
      })}
      <li>
        <button type="button" class="quiet" onClick={() => ask(withoutFilter(query))}>
          {words.clearFilters}
        </button>
      </li>
    </ul>
  );
}

export function Filters(props: {
  query: FleetQuery;
  glance: FleetGlance | undefined;
  ask: (query: FleetQuery) => void;
}) {
  const { query, glance, ask } = props;
  return (
    <search>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Search query={query} ask={ask} />
        {fields.map((field) => (
          <Pick
            key={field}
            field={field}
            choices={choicesOf(field, glance)}
            chosen={query[field] ?? []}
            choose={(values) => ask(withField(query, field, values))}
          />
        ))}
      </form>
      <Chips query={query} ask={ask} />
    </search>
  );
}
