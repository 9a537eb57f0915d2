import { useEffect, useReducer } from 'preact/hooks';
import { AlertsPage } from './alerts-page.js';
import { AuditPage } from './audit-page.js';
import { BoxPage } from './box-page.js';
import { BoxesPage } from './boxes-page.js';
import { CasesPage } from './cases-page.js';
import { ClaimsPage } from './claims-page.js';
import { EventsPage } from './events-page.js';
import { clockTime } from './format.js';
import { GlancePage } from './glance-page.js';
import type { Live, State } from './live.js';
import { AdminsOnly, may } from './may.js';
import { MonthPage } from './month-page.js';
import { MonthsPage } from './months-page.js';
import { OperatorsPage } from './operators-page.js';
import { Mark, Title } from './parts.js';
import { RequestsPage } from './requests-page.js';
import { Link, type Page, pageOf, useAddress } from './route.js';
import { SignIn } from './sign-in.js';
import { texts } from './texts.js';
import { roleTexts } from './texts-roles.js';

function Body(props: { page: Page; live: Live; state: State }) {
  const { page, live, state } = props;
  if (page.name === 'glance') return <GlancePage live={live} state={state} />;
  if (page.name === 'boxes') return <BoxesPage live={live} state={state} />;
  if (page.name === 'box') return <BoxPage key={page.id} id={page.id} live={live} state={state} />;
  if (page.name === 'claims') return <ClaimsPage live={live} />;
  if (page.name === 'requests') return <RequestsPage live={live} state={state} />;
  if (page.name === 'events') return <EventsPage live={live} state={state} />;
  if (page.name === 'alerts') return <AlertsPage live={live} />;
  if (page.name === 'months') return <MonthsPage live={live} />;
  if (page.name === 'month') return <MonthPage key={page.month} month={page.month} live={live} />;
  if (page.name === 'cases') return <CasesPage live={live} />;
  if (page.name === 'operators')
    return may(live, 'admin') ? (
      <OperatorsPage live={live} />
    ) : (
      <AdminsOnly live={live} page={texts.operators.pageTitle} />
    );
  if (page.name === 'audit')
    return may(live, 'admin') ? <AuditPage live={live} /> : <AdminsOnly live={live} page={texts.audit.pageTitle} />;
  return (
    <>
      <Title page={texts.product}>{texts.notFound.title}</Title>
      <p>
        <Link to="/">{texts.notFound.back}</Link>
      </p>
    </>
  );
}

function Pulse({ state }: { state: State }) {
  const now = !state.reachable ? 'down' : state.streaming ? 'live' : 'polling';
  const tone = now === 'live' ? 'good' : now === 'polling' ? 'attention' : 'trouble';
  return (
    <span class="pulse" role="status" title={texts.streamingTitle[now]}>
      <Mark tone={tone}>{texts.streaming[now]}</Mark>
    </span>
  );
}

function Count({ of, what }: { of: number; what: string }) {
  if (of === 0) return null;
  return (
    <span class="count">
      {of.toLocaleString('en-GB')}
      <span class="unseen"> {what}</span>
    </span>
  );
}

function Header(props: { page: Page; live: Live; state: State }) {
  const { page, live, state } = props;
  const waiting = state.requests?.filter((request) => request.state === 'waiting').length ?? 0;
  return (
    <header>
      <div class="inner">
        <Link to="/" class="brand">
          <img src="/icon.svg" alt="" width="24" height="24" />
          <span>
            {state.territory?.name ?? texts.product}
            {state.territory && <small>{state.territory.jurisdiction}</small>}
          </span>
        </Link>
        <nav aria-label={texts.sections}>
          <Link to="/" current={page.name === 'glance'}>
            {texts.nav.fleet}
          </Link>
          <Link to="/boxes" current={page.name === 'boxes' || page.name === 'box'}>
            {texts.nav.boxes}
          </Link>
          <Link to="/alerts" current={page.name === 'alerts'}>
            {texts.nav.alerts}
            <Count of={state.unseen ?? 0} what={texts.alerts.unseen} />
          </Link>
          <Link to="/claims" current={page.name === 'claims'}>
            {texts.nav.claims}
          </Link>
          <Link to="/requests" current={page.name === 'requests'}>
            {texts.nav.requests}
            <Count of={waiting} what={texts.requests.waiting} />
          </Link>
          <Link to="/events" current={page.name === 'events'}>
            {texts.nav.events}
          </Link>
          <Link to="/months" current={page.name === 'months' || page.name === 'month'}>
            {texts.nav.months}
          </Link>
          <Link to="/cases" current={page.name === 'cases'}>
            {texts.nav.cases}
          </Link>
          {may(live, 'admin') && (
            <>
              <Link to="/operators" current={page.name === 'operators'}>
                {texts.nav.operators}
              </Link>
              <Link to="/audit" current={page.name === 'audit'}>
                {texts.nav.audit}
              </Link>
            </>
          )}
        </nav>
        <Pulse state={state} />
        {state.me && (
          <span class="me" title={roleTexts.signedIn(state.me.name, state.me.role)}>
            <span class="unseen">{roleTexts.signedIn(state.me.name, state.me.role)}</span>
            <span aria-hidden="true">
              {state.me.name} <small>{roleTexts.is[state.me.role]}</small>
            </span>
          </span>
        )}
        <button type="button" class="quiet" onClick={() => void live.signOut().catch(() => {})}>
          {texts.signOut}
        </button>
      </div>
    </header>
  );
}

function Unreachable({ state }: { state: State }) {
  const { since, never, remedy } = texts.unreachable;
  return (
    <div class="notice" role="alert">
      <Mark tone="trouble">
        <strong>{state.answeredAt === undefined ? never : since(clockTime(state.answeredAt))}</strong>
      </Mark>
      <p>{remedy}</p>
    </div>
  );
}

export function App({ live }: { live: Live }) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => live.onChange(() => redraw(undefined)), [live]);
  const page = pageOf(useAddress().path);
  const { state } = live;
  const inside = state.session === 'in';
  return (
    <>
      <a class="skip" href="#content">
        {texts.skip}
      </a>
      {inside && <Header page={page} live={live} state={state} />}
      <main id="content" tabIndex={-1}>
        {!state.reachable && <Unreachable state={state} />}
        {inside && <Body page={page} live={live} state={state} />}
        {(state.session === 'out' || state.session === 'ended') && (
          <SignIn live={live} ended={state.session === 'ended'} />
        )}
      </main>
    </>
  );
}
