import { useEffect, useState } from 'preact/hooks';
import type { LedgerEntry } from '#contract/ledger.js';
import type { LedgerPage } from '#contract/owner.js';
import { call } from './api.js';
import { Details, Failure, Skeleton, Title, When } from './parts.js';
import { texts } from './texts.js';

const words = texts.history;

/** A kind of entry that this version has no words for is shown as it is. */
export const sayEntry = ({ type, facts }: LedgerEntry): string =>
  texts.words.ledger[type]?.(facts) ??
  `${type}: ${Object.entries(facts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`;

/** Newest first. `version` changes when something new may have happened; pages already shown stay. */
export function Entries(props: { limit: number; version: number; withMore?: boolean }) {
  const [entries, setEntries] = useState<readonly LedgerEntry[]>();
  const [more, setMore] = useState(false);
  const [error, setError] = useState<unknown>();

  async function load(before: number | undefined): Promise<void> {
    try {
      const page = await call<LedgerPage>(
        'GET',
        `/v1/ledger?limit=${props.limit}${before === undefined ? '' : `&before=${before}`}`,
      );
      setEntries((known = []) => {
        const oldest = page.entries.at(-1)?.index ?? 0;
        const newest = page.entries[0]?.index ?? -1;
        const newer = known.filter(({ index }) => index > newest && before !== undefined);
        const older = known.filter(({ index }) => index < oldest);
        return before === undefined ? [...page.entries, ...(props.withMore ? older : [])] : [...newer, ...page.entries];
      });
      if (before !== undefined || entries === undefined || entries.length <= props.limit) setMore(page.more);
      setError(undefined);
    } catch (refused) {
      setError(refused);
    }
  }
  useEffect(() => void load(undefined), [props.version]);

  if (!entries) return error ? <Failure error={error} /> : <Skeleton />;
  if (entries.length === 0) return <p class="muted">{words.empty}</p>;
  return (
    <>
      <ol class="entries">
        {entries.map((entry) => (
          <li key={entry.index}>
            <span>{sayEntry(entry)}</span>
            <small class="muted">
              {words.by[entry.by]}, {entry.facts.clock === 'not-set' ? words.early : <When at={entry.at} />}
            </small>
            {props.withMore && (
              <Details summary={texts.details}>
                <code>
                  {entry.index} {entry.type} {JSON.stringify(entry.facts)} {entry.hash}
                  {entry.signature ? ` · ${words.signed}` : ''}
                </code>
              </Details>
            )}
          </li>
        ))}
      </ol>
      <Failure error={error} />
      {props.withMore && more && (
        <button type="button" onClick={() => void load(entries.at(-1)?.index)}>
          {words.more}
        </button>
      )}
    </>
  );
}

export const Export = ({ hint }: { hint?: boolean }) => (
  <p>
    <a class="button" href="/v1/ledger/export" download>
      {hint ? words.export : texts.leave.exportFirst}
    </a>
    {hint && <span class="hint block">{words.exportHint}</span>}
  </p>
);

export function History({ view }: { view: { at: number } }) {
  return (
    <div class="page wide">
      <Title>{words.title}</Title>
      <p>{words.lead}</p>
      <section class="panel">
        <Entries limit={25} version={view.at} withMore />
      </section>
      <Export hint />
    </div>
  );
}
