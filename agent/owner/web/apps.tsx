/** What runs: a line each, on the page of its own and at home. */
import type { Change } from '#contract/changes.js';
import type { InstalledApp } from '#contract/installed.js';
import type { AppGlance, AppsView } from '#contract/owner.js';
import { appKindOf } from './app-change.js';
import { conditionOf, toneOf, wantsCare } from './app-state.js';
import type { HomeProps } from './home.js';
import { Offers } from './offers.js';
import { Mark, Title } from './parts.js';
import { Link } from './route.js';
import { Icon, Say } from './say.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';
import { nameOf } from './words-of.js';

const words = texts.apps;

function headline({ installed }: AppsView): string {
  if (installed.length === 0) return words.title.none;
  const care = installed.filter(wantsCare).length;
  const still = installed.filter((app) => conditionOf(app) === 'owner').length;
  if (care > 0) return words.title.care(care, installed.length);
  return still > 0 ? words.title.some(installed.length - still, installed.length) : words.title.run(installed.length);
}

/** State first, then what else there is to know. */
function Facts({ app }: { app: AppGlance }) {
  const condition = conditionOf(app);
  return (
    <span class="facts">
      <Mark tone={toneOf[condition]}>{words.states[condition]}</Mark>
      {app.change !== null && <Mark tone="unknown">{words.states.changing}</Mark>}
      {app.waiting !== null && <Mark tone="attention">{words.waiting(app.waiting)}</Mark>}
      {app.heir !== null && <Mark tone="attention">{words.succession.mark}</Mark>}
      {app.failed && <Mark tone="attention">{words.failed}</Mark>}
      {app.standing === 'suspended' && <Mark tone="attention">{words.suspended}</Mark>}
    </span>
  );
}

/** Changes that no installed app owns up to: an app on its way in, or out. */
const loose = ({ installed, changes }: AppsView): Change[] =>
  changes.filter(({ id, endedAt }) => endedAt === null && !installed.some(({ change }) => change === id));

export function AppLines({ view, icons }: { view: AppsView; icons?: Map<string, string | undefined> }) {
  return (
    <ul class="choices app-lines">
      {view.installed.map((app) => (
        <li key={app.id}>
          <Link to={`/apps/${app.id}`}>
            {icons && <Icon name={nameOf(app.name)} icon={icons.get(app.id)} />}
            <span class="inside">
              <strong>
                <Say words={app.name} />
              </strong>
              <Facts app={app} />
            </span>
          </Link>
        </li>
      ))}
      {loose(view).map((change) => (
        <li key={change.id}>
          <Link to={`/changes/${change.id}`}>
            {icons && <Icon name="…" icon={undefined} />}
            <span class="inside">
              <strong>{words.change.kinds[appKindOf(change)]}</strong>
              <Mark tone="unknown">{words.change.follow}</Mark>
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

const isEmpty = (view: AppsView): boolean => view.installed.length === 0 && loose(view).length === 0;

export function AppsAtHome({ view }: { view: AppsView }) {
  return (
    <section class="panel" aria-labelledby="apps">
      <h2 id="apps">{words.section}</h2>
      {isEmpty(view) ? <p class="muted">{words.title.none}</p> : <AppLines view={view} />}
      <p class="acts">
        <Link to="/apps/get">{words.get}</Link>
        {!isEmpty(view) && <Link to="/apps">{words.all}</Link>}
      </p>
    </section>
  );
}

export function Apps({ live, view }: HomeProps & { view: { apps: AppsView } }) {
  const { apps } = view;
  // The icons come with the whole apps; the lines do not wait for them.
  const asked = useAsked<InstalledApp[]>('/v1/apps', apps.version);
  const icons = new Map(asked.value?.map(({ id, manifest }) => [id, manifest.icon]));
  return (
    <div class="page wide">
      <Title>{headline(apps)}</Title>
      {isEmpty(apps) ? (
        <p>{words.empty}</p>
      ) : (
        <section class="panel">
          <AppLines view={apps} icons={icons} />
        </section>
      )}
      <Offers live={live} links={view.links} />
      <p>
        <Link to="/apps/get" class={isEmpty(apps) ? 'button main' : 'button'}>
          {words.get}
        </Link>
      </p>
      {view.months && (
        <p>
          <Link to="/months">{texts.months.link}</Link>
        </p>
      )}
      {view.links && (
        <p>
          <Link to="/companies">{texts.links.nav}</Link>
        </p>
      )}
    </div>
  );
}
