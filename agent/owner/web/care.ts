/** What needs the owner's care, worked out of what the box says. Pure. */
import type { AppGlance, OwnerView } from '#contract/owner.js';
import { conditionOf } from './app-state.js';
import { texts } from './texts.js';
import { nameOf, short } from './words-of.js';

export interface Finding {
  key: string;
  tone: 'attention' | 'trouble';
  title: string;
  what: string;
  /** Where it can be seen to. */
  to?: string;
}

const words = texts.care;

/** What the box finds in itself; what it only has to say, it says on the page about its health. */
function ofConditions({ status, apps, membership, safe, at }: OwnerView): Finding[] {
  const { certificate } = membership.current;
  const saidElsewhere = new Set([
    ...(status.time.offered === null ? [] : ['clock-untrusted']),
    ...(certificate && certificate.notAfter < at ? ['certificate-late'] : []),
    ...(safe ? ['safe-mode'] : []),
  ]);
  return status.health.conditions.flatMap(({ kind, about, severity, evidence }): Finding[] => {
    if (severity === 'info' || saidElsewhere.has(kind)) return [];
    const app = apps?.installed.find(({ id }) => id === about);
    const title = texts.health.titleOf(kind, app ? short(nameOf(app.name)) : about);
    const what = `${evidence} ${texts.health.remedyOf(kind)}`;
    return [{ key: `${kind} ${about ?? ''}`, tone: severity, title, what, to: app ? `/apps/${app.id}` : '/health' }];
  });
}

/** Starting and being started again pass by themselves; what stays does not. */
function ofApps(installed: readonly AppGlance[], isCrashing: (app: string) => boolean): Finding[] {
  const { care } = texts.apps;
  return installed.flatMap((app): Finding[] => {
    const name = nameOf(app.name);
    const condition = conditionOf(app);
    const to = `/apps/${app.id}`;
    const found: Finding[] = [];
    if (condition === 'failing' || condition === 'expelled' || condition === 'ill' || condition === 'terms')
      found.push({
        key: `app-${app.id}`,
        tone: 'attention',
        title: care[condition].title(name),
        what: care[condition].what,
        to,
      });
    if (condition === 'backing-off' && !isCrashing(app.id))
      found.push({
        key: `app-${app.id}`,
        tone: 'attention',
        title: words.app.title(name),
        what: words.app.what,
        to,
      });
    if (app.waiting !== null)
      found.push({
        key: `waiting-${app.id}`,
        tone: 'attention',
        title: care.waiting.title(name, app.waiting),
        what: care.waiting.what,
        to,
      });
    if (app.heir !== null)
      found.push({
        key: `heir-${app.id}`,
        tone: 'attention',
        title: care.heir.title(name, short(app.heir)),
        what: care.heir.what,
        to: `${to}/succession`,
      });
    return found;
  });
}

/** So long an update that came to nothing is spoken of on the first page. */
const failedMilliseconds = 14 * 86_400_000;

export function findings(view: OwnerView): Finding[] {
  const { membership, status, directory, suspendedReason, settings, apps, links, provider, system, safe, volume, at } =
    view;
  const found: Finding[] = [];
  const add = (key: string, tone: Finding['tone'], { title, what }: { title: string; what: string }) =>
    void found.push({ key, tone, title, what });
  const { current } = membership;

  if (status.time.offered !== null) add('time', 'attention', { title: texts.time.title, what: '' });
  found.push(...ofConditions(view));
  const installed = apps?.installed ?? [];
  const isCrashing = (app: string): boolean =>
    status.health.conditions.some(({ kind, about }) => kind === 'app-crash-looping' && about === app);
  found.push(...ofApps(installed, isCrashing));
  if (links?.ask) {
    const { title, what } = texts.links.care;
    found.push({ key: 'ask', tone: 'attention', title: title(short(links.ask.member.name)), what, to: '/companies' });
  }
  if (provider && provider.waiting > 0)
    found.push({ key: 'provider', tone: 'attention', ...texts.provider.care, to: '/provider' });
  if (view.months && view.months.differing > 0) {
    const { title, what } = texts.months.care;
    found.push({ key: 'months', tone: 'attention', title: title(view.months.differing), what, to: '/months' });
  }
  if (view.backup?.restored)
    found.push({ key: 'restored', tone: 'attention', ...texts.backup.care.restored, to: '/backup' });
  if (view.backup?.failed) found.push({ key: 'backup', tone: 'attention', ...texts.backup.care.failed, to: '/backup' });
  if (system?.asks) found.push({ key: 'system', tone: 'attention', ...texts.system.care.asks, to: '/system' });
  else if (system?.failed && at - system.failed.at < failedMilliseconds)
    found.push({ key: 'system', tone: 'attention', ...texts.system.care.failed(system.failed.version), to: '/system' });
  if (volume?.keyWaits)
    found.push({ key: 'storage', tone: 'attention', ...texts.storage.care.keyWaits, to: '/storage' });
  if (volume?.state.encrypted && volume.state.opened === 'key-file')
    found.push({ key: 'storage-file', tone: 'attention', ...texts.storage.care.keyFile, to: '/storage' });
  for (const { id, state } of status.apps)
    if (!safe && state !== 'running' && !isCrashing(id) && !installed.some((app) => app.id === id))
      add(`app-${id}`, 'attention', { title: words.app.title(id), what: words.app.what });
  if (current.certificate && current.certificate.notAfter < at) add('certificate', 'trouble', words.certificate);
  if (current.phase === 'enrolled' && !status.link.online)
    add('offline', 'attention', { title: words.offline.title, what: words.offline.what(status.health.waiting) });
  if (suspendedReason !== null)
    add('suspended', 'attention', {
      title: words.suspended.title(current.territory?.name ?? ''),
      what: words.suspended.what(suspendedReason),
    });
  if (directory.expired) add('expired', 'attention', words.expired);
  if (!settings.recoverySaved) add('recovery', 'attention', words.recovery);
  return found;
}

export function headline(found: readonly Finding[], isMember: boolean): string {
  const { healthy, trouble, offline, care, none } = texts.home;
  if (!isMember) return none;
  if (found.some(({ tone }) => tone === 'trouble')) return trouble;
  if (found.length === 0) return healthy;
  return found.length === 1 && found[0]?.key === 'offline' ? offline : care(found.length);
}
