/** Where an app comes from: the provider's catalogue, or a file. Without the provider the second still works. */
import { useEffect, useState } from 'preact/hooks';
import type { CatalogueEntry, CataloguePage } from '#contract/catalogue.js';
import type { AppsView } from '#contract/owner.js';
import { call } from './api.js';
import { AppFile } from './app-file.js';
import { bytes } from './format.js';
import type { HomeProps } from './home.js';
import { Failure, Field, Mark, Skeleton, Title, When } from './parts.js';
import { Link } from './route.js';
import { Name } from './say.js';
import { texts } from './texts.js';
import { short } from './words-of.js';

const words = texts.apps.browse;

interface Found {
  entries: readonly CatalogueEntry[];
  cursor: string | null;
}

const addressOf = (query: string, cursor: string | null): string => {
  const asked = new URLSearchParams({ ...(query ? { query } : {}), ...(cursor ? { cursor } : {}) }).toString();
  return `/v1/catalogue${asked ? `?${asked}` : ''}`;
};

function useCatalogue() {
  const [query, setQuery] = useState('');
  const [turn, setTurn] = useState(0);
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState<unknown>();
  const [isMore, setMore] = useState(false);
  useEffect(() => {
    let isGone = false;
    setFound(undefined);
    setError(undefined);
    call<CataloguePage>('GET', addressOf(query, null)).then(
      (page) => isGone || setFound(page),
      (refused: unknown) => isGone || setError(refused),
    );
    return () => {
      isGone = true;
    };
  }, [query, turn]);

  async function more(): Promise<void> {
    if (!found?.cursor || isMore) return;
    setMore(true);
    try {
      const { entries, cursor } = await call<CataloguePage>('GET', addressOf(query, found.cursor));
      setFound({ entries: [...found.entries, ...entries], cursor });
      setError(undefined);
    } catch (refused) {
      setError(refused);
    }
    setMore(false);
  }
  return { query, setQuery, found, error, isMore, more, again: () => setTurn((count) => count + 1) };
}

function Entry({ entry, isInstalled }: { entry: CatalogueEntry; isInstalled: boolean }) {
  const { release, name, member, summary, version, sizeBytes, publishedAt } = entry;
  return (
    <li>
      <Link to={`/install/${release}`}>
        <span class="inside">
          <strong>
            <Name>{name}</Name>
          </strong>
          <span>
            <Name>{summary}</Name>
          </span>
          <small class="muted">
            <Name>{texts.apps.by(short(member.name))}</Name> · {texts.apps.version(version)} · {bytes(sizeBytes)} ·{' '}
            <When at={publishedAt} />
          </small>
          {entry.private && <Mark tone="unknown">{words.private}</Mark>}
          {isInstalled && <Mark tone="good">{words.installed}</Mark>}
        </span>
      </Link>
    </li>
  );
}

function Results({ catalogue, view }: { catalogue: ReturnType<typeof useCatalogue>; view: AppsView }) {
  const { found, error, query, isMore, more, again } = catalogue;
  if (!found && error)
    return (
      <section class="page" aria-labelledby="offline">
        <h2 id="offline">{words.offline}</h2>
        <p>{words.offlineLead}</p>
        <Failure error={error} />
        <p>
          <button type="button" onClick={again}>
            {words.again}
          </button>
        </p>
      </section>
    );
  if (!found) return <Skeleton />;
  if (found.entries.length === 0)
    return (
      <section class="page">
        <p>{query ? words.notFound(query) : words.none}</p>
        {query && (
          <p>
            <button type="button" onClick={() => catalogue.setQuery('')}>
              {words.everything}
            </button>
          </p>
        )}
      </section>
    );
  return (
    <section class="panel" aria-labelledby="results">
      <h2 id="results">{words.results}</h2>
      <ul class="choices app-lines">
        {found.entries.map((entry) => (
          <Entry key={entry.app} entry={entry} isInstalled={view.installed.some(({ id }) => id === entry.app)} />
        ))}
      </ul>
      <Failure error={error} />
      {found.cursor && (
        <button type="button" aria-disabled={isMore} onClick={() => void more()}>
          {isMore ? texts.working : words.more}
        </button>
      )}
      <p class="hint">{words.unread}</p>
    </section>
  );
}

export function GetApp({ live, view }: HomeProps & { view: { apps: AppsView } }) {
  const catalogue = useCatalogue();
  const [typed, setTyped] = useState('');
  const { found } = catalogue;
  return (
    <div class="page wide">
      <Title>{words.title}</Title>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          catalogue.setQuery(typed.trim());
        }}
      >
        <Field
          id="query"
          label={words.label}
          value={typed}
          set={setTyped}
          maxLength={100}
          after={<button type="submit">{words.submit}</button>}
        />
      </form>
      <p role="status" class="unseen">
        {found && words.found(found.entries.length, found.cursor !== null)}
      </p>
      <Results catalogue={catalogue} view={view.apps} />
      <AppFile live={live} />
    </div>
  );
}
