/** The pages about apps and about companies, which are loaded together. */
import { AppChange } from './app-change.js';
import { AppLogs } from './app-logs.js';
import { AppPage } from './app-page.js';
import { AppRemove } from './app-remove.js';
import { AppSuccession } from './app-succession.js';
import { Appoint } from './appoint.js';
import { Apps } from './apps.js';
import { Companies } from './companies.js';
import { Company } from './company.js';
import { GetApp } from './get-app.js';
import { Home, type HomeProps } from './home.js';
import { Install } from './install.js';
import { Month } from './month.js';
import { Months } from './months.js';
import { nameOf } from './words-of.js';

/** The pages about apps; home where this box takes none. */
export function AppBody({ path, ...props }: HomeProps & { path: string }) {
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
export function LinkBody({ path, ...props }: HomeProps & { path: string }) {
  const { links, apps } = props.view;
  if (!links || !apps) return <Home {...props} />;
  const known = { ...props, view: { ...props.view, links, apps } };
  const [, , one = '', more] = path.split('/').map(decodeURIComponent);
  if (one === '') return <Companies {...known} />;
  return more === 'manager' ? <Appoint key={one} {...known} id={one} /> : <Company key={one} {...known} id={one} />;
}

/** What apps cost by the month; home where this box takes no apps. */
export function MonthBody({ path, ...props }: HomeProps & { path: string }) {
  const { months, apps } = props.view;
  if (!months) return <Home {...props} />;
  const named = (id: string): string => {
    const app = apps?.installed.find((one) => one.id === id);
    return app ? nameOf(app.name) : id;
  };
  const [, , box, month = ''] = path.split('/').map(decodeURIComponent);
  const about = { ...props, version: months.version, nameOf: named };
  return box ? <Month key={path} {...about} box={box} month={month} /> : <Months {...about} />;
}
