/** An app on its way in, on, or out: the journal's own steps. The page can be left and come back to. */
import type { Change } from '#contract/changes.js';
import type { AppsView } from '#contract/owner.js';
import type { HomeProps } from './home.js';
import { Mark, Title, Trouble } from './parts.js';
import { Steps } from './progress.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { nameOf } from './words-of.js';

const words = texts.apps.change;
export type AppKind = 'install' | 'update' | 'remove';

/** Whatever the change runner calls it, such as `app-install`. */
export function appKindOf({ kind }: Pick<Change, 'kind'>): AppKind {
  return kind.endsWith('update') ? 'update' : kind.endsWith('remove') ? 'remove' : 'install';
}

export function titleOf(change: Change, app: string): string {
  const kind = appKindOf(change);
  if (change.state === 'done') return words.done[kind](app);
  if (change.state === 'undone') return words.undone[kind](app);
  return change.state === 'undoing' ? words.undoing(app) : words.doing[kind](app);
}

const waitsForApp = ({ state, steps }: Change): boolean =>
  state === 'doing' && steps.some((one) => one.kind === 'app-wait' && one.state === 'doing');

/** What went wrong may be tried again: trouble only once it was given up. */
export function Unfolding({ change }: { change: Change }) {
  const { state, problem } = change;
  return (
    <>
      {problem && state !== 'done' && (
        <Trouble told={problem} tone={state === 'undone' ? 'trouble' : 'attention'} live={false} />
      )}
      {state !== 'done' && <Steps change={change} />}
      {state === 'stuck' && <p class="notice attention">{texts.progress.stuck}</p>}
    </>
  );
}

export function AppChange({ state, view, change: id, app }: HomeProps & AppChangeProps) {
  const change = view.apps.changes.find((one) => one.id === id);
  const installed = view.apps.installed.find((one) => one.id === app || one.change === id);
  const offered = state.offer?.manifest.id === app ? state.offer : undefined;
  const name = installed ? nameOf(installed.name) : offered ? nameOf(offered.manifest.name) : (app ?? words.anApp);
  const list = (
    <Link to="/apps" class="button">
      {words.list}
    </Link>
  );
  if (!change)
    return (
      <div class="page">
        <Title>{words.gone}</Title>
        <p>{words.goneLead}</p>
        <p class="acts">{list}</p>
      </div>
    );
  const kind = appKindOf(change);
  const isOver = change.endedAt !== null;
  return (
    <div class="page">
      <div role="status" class="page">
        <Title key={change.state}>{titleOf(change, name)}</Title>
        {!isOver && <p>{words.leave}</p>}
        {change.state === 'undone' && <p>{words.back[kind]}</p>}
      </div>
      <Unfolding change={change} />
      {installed && waitsForApp(change) && (
        <p class="notice attention">
          <Mark tone="attention">{words.waits(name)}</Mark> <Link to={`/apps/${installed.id}`}>{words.why}</Link>
        </p>
      )}
      <p class="acts">
        {isOver && installed && (
          <Link to={`/apps/${installed.id}`} class="button main">
            {words.open(name)}
          </Link>
        )}
        {change.state === 'undone' && offered && kind !== 'remove' && (
          <Link to={`/install/${offered.release}`} class="button">
            {words.again}
          </Link>
        )}
        {list}
      </p>
    </div>
  );
}

interface AppChangeProps {
  view: { apps: AppsView };
  change: string;
  app: string | undefined;
}
