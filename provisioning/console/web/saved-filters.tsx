/** Filters under a name, for every operator of the territory. */
import { useState } from 'preact/hooks';
import type { FleetQuery, SavedFilter } from '#contract/fleet.js';
import { buildFleetQuery } from '#contract/fleet-query.js';
import { call } from './api.js';
import { firstPage, isFiltered, queryOf } from './fleet-address.js';
import type { Live } from './live.js';
import { may } from './may.js';
import { Failure, Mark, useAsked } from './parts.js';
import { texts } from './texts.js';

const words = texts.boxes;

export function SavedFilters(props: { query: FleetQuery; live: Live; ask: (query: FleetQuery) => void }) {
  const { query, live, ask } = props;
  const { value: saved = [], again } = useAsked('saved', (signal) =>
    live.watch(call<SavedFilter[]>('GET', '/v1/fleet/filters', { signal })),
  );
  const [isNaming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const [isEmpty, setEmpty] = useState(false);
  const [error, setError] = useState<unknown>();
  const text = buildFleetQuery(firstPage(query));
  const mayAct = may(live, 'operator');
  const current = saved.find((one) => one.query === text);

  async function change(method: 'PUT' | 'DELETE', which: string): Promise<void> {
    setError(undefined);
    try {
      const body = method === 'PUT' ? { body: { query: text } } : {};
      await live.watch(call(method, `/v1/fleet/filters/${encodeURIComponent(which)}`, body));
      setNaming(false);
      setName('');
      again();
    } catch (refused) {
      setError(refused);
    }
  }

  function submit(event: Event): void {
    event.preventDefault();
    setEmpty(name.trim() === '');
    if (name.trim() !== '') void change('PUT', name.trim());
  }

  if (saved.length === 0 && (!mayAct || !isFiltered(query))) return null;
  return (
    <div class="saved">
      {saved.length > 0 && (
        <label>
          {words.saved}{' '}
          <select
            value={current?.name ?? ''}
            onChange={(event) => {
              const chosen = saved.find((one) => one.name === event.currentTarget.value);
              if (chosen) ask(queryOf(chosen.query));
            }}
          >
            <option value="">{words.choose}</option>
            {saved.map((one) => (
              <option key={one.name} value={one.name}>
                {one.name}
              </option>
            ))}
          </select>
        </label>
      )}
      {mayAct && current && (
        <button type="button" class="quiet" onClick={() => void change('DELETE', current.name)}>
          {words.forgetShort}
          <span class="unseen">: {words.forget(current.name)}</span>
        </button>
      )}
      {mayAct && !current && isFiltered(query) && !isNaming && (
        <button type="button" class="quiet" onClick={() => setNaming(true)}>
          {words.save}
        </button>
      )}
      {mayAct && isNaming && !current && (
        <form class="reason" onSubmit={submit} noValidate>
          <label for="filter-name">{words.saveName}</label>
          <p id="filter-name-hint" class="hint">
            {words.saveHint}
          </p>
          {isEmpty && (
            <p id="filter-name-fault" class="fault">
              <Mark tone="trouble">{words.saveEmpty}</Mark>
            </p>
          )}
          <input
            id="filter-name"
            ref={(element) => void (name === '' && element?.focus())}
            type="text"
            maxLength={60}
            autocomplete="off"
            value={name}
            aria-invalid={isEmpty}
            aria-describedby={isEmpty ? 'filter-name-fault filter-name-hint' : 'filter-name-hint'}
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <div class="acts">
            <button type="submit">{words.saveAct}</button>
            <button type="button" class="quiet" onClick={() => setNaming(false)}>
              {words.saveCancel}
            </button>
          </div>
        </form>
      )}
      {error !== undefined && <Failure error={error} />}
    </div>
  );
}
