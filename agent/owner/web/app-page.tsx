/** One app: how it is, what it may do, what waits, and who answers for it. */
import type { InstalledApp } from '#contract/installed.js';
import type { AppsView } from '#contract/owner.js';
import { Refused } from './api.js';
import { titleOf, Unfolding } from './app-change.js';
import { conditionOf } from './app-state.js';
import { AppTerms } from './app-terms.js';
import { GrantRow } from './grant.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Maker } from './maker.js';
import { NoticesOfApp } from './notices.js';
import { Details, Failure, Mark, Skeleton, Title, Trouble, useForm, When } from './parts.js';
import { sayPermission } from './permissions.js';
import { Link, turnTo } from './route.js';
import { Icon, Say } from './say.js';
import { answerSuccession } from './succession.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';
import { line, nameOf, short } from './words-of.js';

const words = texts.apps.app;

/** Answers the app, or what is shown in its stead. */
export function useApp(id: string, version: number) {
  const asked = useAsked<InstalledApp>(`/v1/apps/${encodeURIComponent(id)}`, version);
  const isGone = asked.error instanceof Refused && asked.error.problem.status === 404;
  if (asked.value && !isGone) return { app: asked.value, instead: undefined };
  const instead = asked.error ? (
    <div class="page">
      {isGone ? <Title>{words.gone}</Title> : <Failure error={asked.error} />}
      <p class="acts">
        <Link to="/apps" class="button">
          {texts.apps.change.list}
        </Link>
      </p>
    </div>
  ) : (
    <Skeleton />
  );
  return { app: undefined, instead };
}

/** A file, so no page of ours: the browser keeps it. */
export const SaveData = ({ id, button = false }: { id: string; button?: boolean }) => (
  <a class={button ? 'button' : undefined} href={`/v1/apps/${id}/export`} download>
    {words.saveData}
  </a>
);

function StopStart({ live, app }: { live: Live; app: InstalledApp }) {
  const act = app.stopped === 'owner' || app.stopped === 'failing' ? 'start' : 'stop';
  const form = useForm(async () => {
    await live.act('POST', `/v1/apps/${app.id}/${act}`);
    return undefined;
  });
  // What its maker's expulsion stopped, its owner can not start; what lacks an agreement starts with one.
  if (app.stopped === 'expelled' || app.stopped === 'terms') return null;
  return (
    <form class="page" onSubmit={form.submit}>
      <Failure error={form.error} />
      <p>
        <button type="submit" aria-disabled={form.isWorking}>
          {form.isWorking ? texts.working : words[act]}
        </button>
      </p>
    </form>
  );
}

/** What became of its maker, and what that means here; nothing while they are in good standing. */
function Standing({ app: { member } }: { app: InstalledApp }) {
  const { notices, meaning } = texts.apps.maker;
  const { standing, name } = member;
  if (standing === 'good') return null;
  const tone = standing === 'expelled' ? 'trouble' : 'attention';
  return (
    <section class={`notice ${tone}`}>
      <Mark tone={tone}>
        <strong>{notices[standing](short(name))}</strong>
      </Mark>
      <p>{meaning[standing]}</p>
    </section>
  );
}

/** Somebody is to take it over: what the owner has said, or has to say. */
function Succession({ live, app }: { live: Live; app: InstalledApp }) {
  const form = useForm(async () => {
    const { change } = await answerSuccession(live, app, true);
    if (change !== null) turnTo(`/changes/${change}/${app.id}`);
    return undefined;
  });
  const { succession, waiting } = app;
  if (!succession) return null;
  const said = texts.apps.succession;
  const { answer, to } = succession;
  const place = `/apps/${app.id}/succession`;
  if (answer === 'no')
    return (
      <p>
        {said.declined(short(to.name))} <Link to={place}>{said.reconsider}</Link>
      </p>
    );
  if (answer === 'yes')
    return (
      <form class="notice" onSubmit={form.submit}>
        <Failure error={form.error} />
        <Mark tone="good">
          <strong>{said.accepted(short(to.name))}</strong>
        </Mark>
        <p>{waiting ? said.acceptedHere : said.acceptedLead}</p>
        {!waiting && app.change === null && (
          <p>
            <button type="submit" aria-disabled={form.isWorking}>
              {form.isWorking ? texts.working : said.look}
            </button>
          </p>
        )}
      </form>
    );
  return (
    <section class="notice attention" aria-labelledby="heir">
      <Mark tone="attention">
        <strong id="heir">{said.waits(nameOf(app.manifest.name), short(to.name))}</strong>
      </Mark>
      <p>{said.waitsLead}</p>
      <p>
        <Link to={place} class="button main">
          {said.decide}
        </Link>
      </p>
    </section>
  );
}

/** The app's own words, which are a stranger's. */
const Reasons = ({ leases }: { leases: InstalledApp['leases'] }) => (
  <ul class="bullets">
    {leases.map(({ id, hold, reason, until }) => (
      <li key={id}>
        {words.holds[hold]}: “{line(reason)}”, {words.ends} <When at={until} />
      </li>
    ))}
  </ul>
);

function HeldUpdate({ live, app, held }: { live: Live; app: InstalledApp; held: NonNullable<InstalledApp['held']> }) {
  const name = nameOf(app.manifest.name);
  const form = useForm(async () => {
    await live.act('POST', `/v1/apps/${app.id}/update-now`);
    return undefined;
  });
  return (
    <form class="notice attention" onSubmit={form.submit} aria-labelledby="held">
      <Mark tone="attention">
        <strong id="held">{words.held(held.version, name)}</strong>
      </Mark>
      <p>{words.heldLead(name)}</p>
      <Reasons leases={app.leases.filter(({ hold }) => hold === 'update')} />
      <p>
        {words.heldUntil} <When at={held.until} />.
      </p>
      <Failure error={form.error} />
      <p>
        <button type="submit" class="main" aria-disabled={form.isWorking}>
          {form.isWorking ? texts.working : words.updateNow}
        </button>
      </p>
      <p class="hint">{words.updateNowHint}</p>
    </form>
  );
}

/** What the app holds, whether or not something waits for it now. */
function Leases({ live, app }: { live: Live; app: InstalledApp }) {
  const { held, leases, manifest } = app;
  const others = held ? leases.filter(({ hold }) => hold !== 'update') : leases;
  return (
    <>
      {held && <HeldUpdate live={live} app={app} held={held} />}
      {others.length > 0 && (
        <section class="panel" aria-labelledby="leases">
          <h2 id="leases">{words.leases}</h2>
          <p>{words.leasesLead(nameOf(manifest.name))}</p>
          <Reasons leases={others} />
        </section>
      )}
    </>
  );
}

function Updates({ app }: { app: InstalledApp }) {
  const { waiting, failed, foreign, manifest, member } = app;
  return (
    <>
      {waiting && (
        <section class="notice attention" aria-labelledby="waiting">
          <Mark tone="attention">
            <strong id="waiting">{words.waiting(waiting.manifest.version)}</strong>
          </Mark>
          {waiting.asks.length > 0 ? (
            <>
              <p>{words.waitingLead}</p>
              <ul class="bullets">
                {waiting.asks.map((capability) => (
                  <li key={capability}>{sayPermission(capability).name}</li>
                ))}
              </ul>
            </>
          ) : (
            <p>{words.waitingNothing}</p>
          )}
          <p>
            <Link to={`/install/${waiting.release}`} class="button main">
              {words.look}
            </Link>
          </p>
        </section>
      )}
      {foreign && (
        <section class="page" aria-labelledby="foreign">
          <h2 id="foreign">{words.foreign(short(foreign.maker), foreign.version)}</h2>
          <p>{words.foreignLead(short(member.name))}</p>
          <Trouble told={foreign.problem} tone="attention" live={false} />
        </section>
      )}
      {failed && (
        <section class="page" aria-labelledby="failed">
          <h2 id="failed">{words.failed(failed.version)}</h2>
          <p>
            <When at={failed.at} />. {words.failedLead(manifest.version)}
          </p>
          <Trouble told={failed.problem} tone="attention" live={false} />
        </section>
      )}
    </>
  );
}

function Permissions({ live, app }: { live: Live; app: InstalledApp }) {
  const { manifest, grants, member } = app;
  const asked = manifest.capabilities;
  const left = grants.filter(({ capability }) => !asked.some((one) => one.capability === capability));
  return (
    <section class="panel" aria-labelledby="permissions">
      <h2 id="permissions">{words.permissions}</h2>
      {asked.length + left.length === 0 && <p>{texts.apps.install.nothing}</p>}
      <ul class="entries">
        {[...asked, ...left.map(({ capability }) => ({ capability }))].map((one, index) => (
          <GrantRow
            key={one.capability}
            live={live}
            app={app.id}
            maker={short(member.name)}
            asked={one}
            grant={grants.find(({ capability }) => capability === one.capability)}
            index={index}
          />
        ))}
      </ul>
    </section>
  );
}

function About({ app }: { app: InstalledApp }) {
  const { manifest, usedBytes, quotaBytes } = app;
  return (
    <section class="panel" aria-labelledby="about">
      <h2 id="about">{words.about}</h2>
      <dl>
        <dt>{words.space}</dt>
        <dd>
          {words.used(usedBytes, quotaBytes)}
          {quotaBytes > 0 && <meter aria-label={words.space} max={quotaBytes} value={usedBytes} />}
        </dd>
        <dt>{words.versionName}</dt>
        <dd>{manifest.version}</dd>
        <dt>{words.installedAt}</dt>
        <dd>
          <When at={app.installedAt} />
        </dd>
        {app.updatedAt !== null && (
          <>
            <dt>{words.updatedAt}</dt>
            <dd>
              <When at={app.updatedAt} />
            </dd>
          </>
        )}
        <dt>{words.restarts}</dt>
        <dd>{words.times(app.restarts)}</dd>
        {app.told && (
          <>
            <dt>{words.told}</dt>
            <dd>
              {words.toldOf[app.told.outcome](app.told.version)} ({words.toldState(app.told.sent)},{' '}
              <When at={app.told.at} />)<span class="hint block">{words.toldNever}</span>
            </dd>
          </>
        )}
      </dl>
      <Details summary={texts.details}>
        <dl>
          <dt>{words.technical.id}</dt>
          <dd>
            <code>{app.id}</code>
          </dd>
          <dt>{words.technical.release}</dt>
          <dd>
            <code>{app.release}</code>
          </dd>
          <dt>{words.technical.sandbox}</dt>
          <dd>{app.sandbox}</dd>
        </dl>
      </Details>
    </section>
  );
}

export function AppPage({ live, view, id }: HomeProps & { view: { apps: AppsView }; id: string }) {
  const { app, instead } = useApp(id, view.apps.version);
  if (!app) return instead;
  const name = nameOf(app.manifest.name);
  const condition = conditionOf(app);
  const change = view.apps.changes.find((one) => one.id === app.change && one.endedAt === null);
  return (
    <div class="page wide">
      <Title>{words.title[condition](name)}</Title>
      {app.health && <Trouble told={app.health} tone={condition === 'ill' ? 'attention' : 'trouble'} live={false} />}
      <Standing app={app} />
      {app.sandbox === 'none' && (
        <p class="notice attention">
          <Mark tone="attention">{words.open}</Mark>
        </p>
      )}
      <div class="about">
        <Icon name={name} icon={app.manifest.icon} />
        <p>
          <Say words={app.manifest.summary} />
        </p>
      </div>
      {change && (
        <section class="panel">
          <p>
            <strong>{titleOf(change, name)}</strong>
          </p>
          <Unfolding change={change} />
        </section>
      )}
      {(!change || app.held) && <StopStart live={live} app={app} />}
      <Leases live={live} app={app} />
      <Succession live={live} app={app} />
      <Updates app={app} />
      <NoticesOfApp live={live} view={view} app={app} />
      <AppTerms live={live} app={app} version={view.apps.version} />
      <Permissions live={live} app={app} />
      <Maker member={app.member} title={texts.apps.maker.answers} />
      <About app={app} />
      <ul class="choices">
        <li>
          <Link to={`/apps/${app.id}/logs`}>{words.logs}</Link>
        </li>
        <li>
          <SaveData id={app.id} />
        </li>
        <li>
          <a href={`/v1/apps/${app.id}/receipt`} download>
            {words.receipt}
          </a>
        </li>
        <li>
          <Link to={`/apps/${app.id}/remove`}>{words.remove}</Link>
        </li>
      </ul>
    </div>
  );
}
