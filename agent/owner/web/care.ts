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
const diskFull = 0.9;
const memoryFull = 0.95;
const hotCelsius = 80;

/** Starting and being started again pass by themselves; what stays does not. */
function ofApps(installed: readonly AppGlance[]): Finding[] {
  const { care } = texts.apps;
  return installed.flatMap((app): Finding[] => {
    const name = nameOf(app.name);
    const condition = conditionOf(app);
    const to = `/apps/${app.id}`;
    const found: Finding[] = [];
    if (condition === 'failing' || condition === 'expelled' || condition === 'ill')
      found.push({
        key: `app-${app.id}`,
        tone: 'attention',
        title: care[condition].title(name),
        what: care[condition].what,
        to,
      });
    if (condition === 'backing-off')
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

export function findings({
  membership,
  status,
  directory,
  suspendedReason,
  settings,
  apps,
  links,
  provider,
  at,
}: OwnerView): Finding[] {
  const found: Finding[] = [];
  const add = (key: string, tone: Finding['tone'], { title, what }: { title: string; what: string }) =>
    void found.push({ key, tone, title, what });
  const { current } = membership;
  const values = status.health.latest?.values ?? {};
  const over = (name: string, limit: number) => (values[name] ?? 0) > limit;

  if (status.time.offered !== null) add('time', 'attention', { title: texts.time.title, what: '' });
  if (over('system.filesystem.utilization', diskFull)) add('disk', 'trouble', words.disk);
  if (over('system.memory.utilization', memoryFull)) add('memory', 'attention', words.memory);
  if (over('hw.temperature', hotCelsius)) add('hot', 'attention', words.hot);
  const installed = apps?.installed ?? [];
  found.push(...ofApps(installed));
  if (links?.ask) {
    const { title, what } = texts.links.care;
    found.push({ key: 'ask', tone: 'attention', title: title(short(links.ask.member.name)), what, to: '/companies' });
  }
  if (provider && provider.waiting > 0)
    found.push({ key: 'provider', tone: 'attention', ...texts.provider.care, to: '/provider' });
  for (const { id, state } of status.apps)
    if (state !== 'running' && !installed.some((app) => app.id === id))
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
