import { useEffect, useReducer } from 'preact/hooks';
import { Forgotten } from './forgotten.js';
import { clockTime } from './format.js';
import { Health } from './health.js';
import { History } from './history.js';
import { Home } from './home.js';
import { later } from './later.js';
import { Leave } from './leave.js';
import type { Live, State } from './live.js';
import { Move } from './move.js';
import { AllNotices } from './notices.js';
import { Mark, Skeleton } from './parts.js';
import { Link, usePath } from './route.js';
import { HttpsNeeded, Secure } from './secure.js';
import { ChangePassphrase, NewRecoveryCode, Settings } from './settings.js';
import { Setup } from './setup.js';
import { SetupCode } from './setup-code.js';
import { SetupPassphrase } from './setup-passphrase.js';
import { SignIn } from './sign-in.js';
import { texts } from './texts.js';

/** What is not needed to set the box up and to see that it is well is loaded when it is looked at. */
const AppBody = later(() => import('./app-pages.js').then(({ AppBody }) => AppBody));
const LinkBody = later(() => import('./app-pages.js').then(({ LinkBody }) => LinkBody));
const MonthBody = later(() => import('./app-pages.js').then(({ MonthBody }) => MonthBody));
const machinePages = () => import('./machine-pages.js');
const Backup = later(() => machinePages().then((pages) => pages.Backup));
const Network = later(() => machinePages().then((pages) => pages.Network));
const Provider = later(() => machinePages().then((pages) => pages.Provider));
const Restore = later(() => machinePages().then((pages) => pages.Restore));
const StoragePage = later(() => machinePages().then((pages) => pages.StoragePage));
const System = later(() => machinePages().then((pages) => pages.System));

export interface PageProps {
  live: Live;
  state: State;
}

const aboutApps = /^\/(apps|install|changes)(\/|$)/;
const aboutMonths = /^\/months(\/|$)/;
const aboutLinks = /^\/companies(\/|$)/;

function Body({ live, state }: PageProps) {
  const path = usePath();
  const { known, view } = state;
  if (!known) return state.reachable ? <Skeleton /> : null;
  if (known.httpsOnly && !known.secure) return <HttpsNeeded known={known} />;
  if (known.session === 'setup' && known.wifi === 'needed') return <Network live={live} known={known} version={0} />;
  if (known.session === 'setup')
    return path === '/restore' ? <Restore live={live} below="/v1/setup/backup" /> : <SetupPassphrase live={live} />;
  if (known.session === 'none') {
    if (!known.owned) return <SetupCode live={live} state={state} />;
    return path === '/forgotten' ? <Forgotten live={live} known={known} /> : <SignIn live={live} state={state} />;
  }
  if (!view) return <Skeleton />;
  if (state.recoveryCode !== undefined || view.setup !== null) return <Setup live={live} state={state} view={view} />;
  const props = { live, state, view };
  if (path === '/health') return <Health {...props} />;
  if (path === '/history') return <History {...props} />;
  if (path === '/notices') return <AllNotices {...props} />;
  if (path === '/settings') return <Settings {...props} />;
  if (path === '/passphrase') return <ChangePassphrase {...props} />;
  if (path === '/recovery-code') return <NewRecoveryCode {...props} />;
  if (path === '/provider' && view.provider) return <Provider {...props} />;
  if (path === '/network' && known.wifi !== 'none')
    return <Network live={live} known={known} version={view.network?.version ?? 0} isOwner />;
  if (path === '/backup' && view.backup) return <Backup {...props} />;
  if (path === '/restore' && view.backup)
    return <Restore live={live} below="/v1/backup" version={view.backup.version} />;
  if (path === '/system' && view.system) return <System {...props} />;
  if (path === '/storage' && view.volume) return <StoragePage {...props} volume={view.volume} />;
  if (path === '/move') return <Move {...props} />;
  if (aboutApps.test(path)) return <AppBody path={path} {...props} />;
  if (aboutLinks.test(path)) return <LinkBody path={path} {...props} />;
  if (aboutMonths.test(path)) return <MonthBody path={path} {...props} />;
  if (path === '/leave') return <Leave {...props} />;
  return path === '/secure' ? <Secure {...props} /> : <Home {...props} />;
}

function Header({ live, state }: PageProps) {
  const path = usePath();
  const { known, view } = state;
  const isHome = view !== undefined && view.setup === null;
  return (
    <header>
      <div class="inner">
        <Link to="/" class="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>{known?.name ?? texts.product}</span>
        </Link>
        {known?.session === 'owner' && (
          <button type="button" class="quiet" onClick={() => void live.act('DELETE', '/v1/session').catch(() => {})}>
            {texts.nav.signOut}
          </button>
        )}
      </div>
      {isHome && (
        <nav aria-label={texts.nav.label}>
          <Link to="/" current={path === '/' || path === '/health'}>
            {texts.nav.home}
          </Link>
          {view.apps && (
            <Link to="/apps" current={aboutApps.test(path) || aboutLinks.test(path) || aboutMonths.test(path)}>
              {texts.nav.apps}
            </Link>
          )}
          <Link to="/history" current={path === '/history'}>
            {texts.nav.history}
          </Link>
          <Link to="/settings" current={path === '/settings'}>
            {texts.nav.settings}
          </Link>
        </nav>
      )}
    </header>
  );
}

function Unreachable({ state }: { state: State }) {
  const { since, never, remedy } = texts.unreachable;
  return (
    <div class="notice trouble" role="alert">
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
  const { state } = live;
  return (
    <>
      <a class="skip" href="#content">
        {texts.skip}
      </a>
      <Header live={live} state={state} />
      <main id="content" tabIndex={-1}>
        {!state.reachable && <Unreachable state={state} />}
        <Body live={live} state={state} />
      </main>
      {state.known && <footer>{state.known.secure ? texts.encrypted : texts.plainHttp}</footer>}
    </>
  );
}
