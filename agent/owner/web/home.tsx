import type { OwnerView } from '#contract/owner.js';
import { AppsAtHome } from './apps.js';
import { findings, headline } from './care.js';
import { date, exact } from './format.js';
import { Entries } from './history.js';
import type { Live, State } from './live.js';
import { NoticesAtHome } from './notices.js';
import { ManagerActs, Offers } from './offers.js';
import { Details, Failure, Mark, Title, useForm, When } from './parts.js';
import { placeName } from './places.js';
import { Progress } from './progress.js';
import { Link } from './route.js';
import { Safe } from './safe.js';
import { texts } from './texts.js';

const words = texts.home;

export interface HomeProps {
  live: Live;
  state: State;
  view: OwnerView;
}

function Belongs({ view }: { view: OwnerView }) {
  const { territory, certificate, box } = view.membership.current;
  const { link, agent } = view.status;
  if (!territory) return null;
  const isLate = certificate !== null && certificate.renewAt < view.at - 86_400_000;
  return (
    <section class="panel" aria-labelledby="belongs">
      <h2 id="belongs">
        {words.belongs} {words.you}
      </h2>
      <dl>
        <dt>{words.lookedAfter}</dt>
        <dd>
          {territory.provider ?? territory.name} <span class="muted">({territory.name})</span>
        </dd>
        <dt>{words.law}</dt>
        <dd>
          {territory.law} <span class="muted">({placeName(territory.jurisdiction)})</span>
        </dd>
        <dt>{words.connected}</dt>
        <dd>
          <Mark tone={link.online ? 'good' : 'attention'}>
            {link.online ? words.connectedSince : words.notConnected}
            {link.since !== null && (
              <>
                , {words.since} <When at={link.since} />
              </>
            )}
          </Mark>
        </dd>
        {certificate && (
          <>
            <dt>{words.certificate}</dt>
            <dd>
              {words.certificateUntil} {date(certificate.notAfter)}.{' '}
              {isLate ? words.certificateLate : words.certificateRenews} <When at={certificate.renewAt} />.
            </dd>
          </>
        )}
      </dl>
      {view.provider && (
        <p>
          <Link to="/provider">{texts.provider.link}</Link>
        </p>
      )}
      <Details summary={texts.details}>
        <dl>
          <dt>{words.technical.box}</dt>
          <dd>
            <code>{box}</code>
          </dd>
          <dt>{words.technical.territory}</dt>
          <dd>
            <code>{territory.id}</code>
          </dd>
          <dt>{words.technical.serial}</dt>
          <dd>
            <code>{certificate?.serial}</code>
          </dd>
          <dt>{words.technical.agent}</dt>
          <dd>{agent}</dd>
          <dt>{words.technical.time}</dt>
          <dd>{words.time[view.status.time.source]}</dd>
        </dl>
      </Details>
    </section>
  );
}

/** A time before what the box believed counts only when its owner says so. */
function OfferedTime({ live, view }: { live: Live; view: OwnerView }) {
  const { offered, now } = view.status.time;
  const form = useForm(async () => {
    await live.act('POST', '/v1/time', { offered });
    return undefined;
  });
  if (offered === null) return null;
  return (
    <form class="notice attention" onSubmit={form.submit} aria-labelledby="offered-time">
      <Mark tone="attention">
        <strong id="offered-time">{texts.time.title}</strong>
      </Mark>
      <p>
        {texts.time.lead(exact(offered))} {texts.time.now(exact(now))}
      </p>
      <p>{texts.time.remedy}</p>
      <Failure error={form.error} />
      <button type="submit" aria-disabled={form.isWorking}>
        {form.isWorking ? texts.working : texts.time.submit}
      </button>
    </form>
  );
}

export function Home({ live, view }: HomeProps) {
  const found = findings(view);
  const { current, next } = view.membership;
  // Left alone by a refusal or a return: the way to a provider is open again.
  if (current.phase !== 'enrolled' && current.phase !== 'none')
    return <Progress live={live} view={view} act="election" />;
  return (
    <div class="page wide">
      <Title>{view.safe ? texts.safe.title : headline(found, current.phase === 'enrolled')}</Title>
      {view.safe && <Safe live={live} view={view} safe={view.safe} />}
      {next?.territory && (
        <p class="notice attention">
          {next.phase === 'refused'
            ? texts.progress.refused(next.territory.name)
            : texts.progress.moving(next.territory.name)}{' '}
          <Link to="/move">{texts.progress.steps}</Link>
        </p>
      )}
      {current.phase === 'none' && (
        <p>
          <Link to="/move" class="button main">
            {words.join}
          </Link>
        </p>
      )}
      {found.map(({ key, tone, title, what, to }) =>
        key === 'time' ? (
          <OfferedTime key={key} live={live} view={view} />
        ) : (
          <section key={key} class={`notice ${tone}`}>
            <Mark tone={tone}>
              <strong>{title}</strong>
            </Mark>
            <p>
              {what} {to && <Link to={to}>{texts.apps.care.link}</Link>}
            </p>
          </section>
        ),
      )}
      <p>
        <Link to="/health">{texts.health.link}</Link>
      </p>
      <Offers live={live} links={view.links} />
      <ManagerActs links={view.links} />
      <NoticesAtHome live={live} view={view} />
      {view.apps && !view.safe && <AppsAtHome view={view.apps} />}
      <Belongs view={view} />
      <section class="panel" aria-labelledby="happened">
        <h2 id="happened">{words.happened}</h2>
        <Entries limit={5} version={view.at} />
        <p>
          <Link to="/history">{words.all}</Link>
        </p>
      </section>
    </div>
  );
}
