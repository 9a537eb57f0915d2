import { useEffect, useReducer } from 'preact/hooks';
import { AppChange } from './app-change.js';
import { AppLogs } from './app-logs.js';
import { AppPage } from './app-page.js';
import { AppRemove } from './app-remove.js';
import { AppSuccession } from './app-succession.js';
import { Appoint } from './appoint.js';
import { Apps } from './apps.js';
import { Backup } from './backup.js';
import { Companies } from './companies.js';
import { Company } from './company.js';
import { Forgotten } from './forgotten.js';
import { clockTime } from './format.js';
import { GetApp } from './get-app.js';
import { Health } from './health.js';
import { History } from './history.js';
import { Home, type HomeProps } from './home.js';
import { Install } from './install.js';
import { Leave } from './leave.js';
import type { Live, State } from './live.js';
import { Move } from './move.js';
import { Network } from './network.js';
import { AllNotices } from './notices.js';
import { Mark, Skeleton } from './parts.js';
import { Provider } from './provider.js';
import { Restore } from './restore.js';
import { Link, usePath } from './route.js';
import { HttpsNeeded, Secure } from './secure.js';
import { ChangePassphrase, NewRecoveryCode, Settings } from './settings.js';
import { Setup } from './setup.js';
import { SetupCode } from './setup-code.js';
import { SetupPassphrase } from './setup-passphrase.js';
import { SignIn } from './sign-in.js';
import { StoragePage } from './storage.js';
import { System } from './system.js';
import { texts } from './texts.js';

export interface PageProps {
  live: Live;
  state: State;
}

/** The pages about apps; home where this box takes none. */
function AppBody({ path, ...props }: HomeProps & { path: string }) {
  const { apps } = props.view;
  if (!apps) return <Home {...props} />;
  const known = { ...props, view: { ...props.view, apps } };
  const [, section, one = '', more] = path.split('/').map(decodeURIComponent);
  if (section === 'install') return <Install key={one} {...known} release={one} />;
  if (section === 'changes') return <AppChange key={one} {...known} change={one} app={more} />;
  if (one === '') return <Apps {...known} />;
  if (one === 'get') return <GetApp {...known} />;
  if (more === 'logs') return <AppLogs {...known} id={one} />;
  if (more === 'succession') return <AppSuccession key={one} {...known} id={one} />;
  return more === 'remove' ? <AppRemove {...known} id={one} /> : <AppPage key={one} {...known} id={one} />;
}

/** The pages about companies; home where this box takes no apps. */
function LinkBody({ path, ...props }: HomeProps & { path: string }) {
  const { links, apps } = props.view;
  if (!links || !apps) return <Home {...props} />;
  const known = { ...props, view: { ...props.view, links, apps } };
  const [, , one = '', more] = path.split('/').map(decodeURIComponent);
  if (one === '') return <Companies {...known} />;
  return more === 'manager' ? <Appoint key={one} {...known} id={one} /> : <Company key={one} {...known} id={one} />;
}

const aboutApps = /^\/(apps|install|changes)(\/|$)/;
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
            <Link to="/apps" current={aboutApps.test(path) || aboutLinks.test(path)}>
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
