/** What needs the owner's care, worked out of what the box says. Pure. */
import type { OwnerView } from '#contract/owner.js';
import { texts } from './texts.js';

export interface Finding {
  key: string;
  tone: 'attention' | 'trouble';
  title: string;
  what: string;
}

const words = texts.care;
const diskFull = 0.9;
const memoryFull = 0.95;
const hotCelsius = 80;

export function findings({ membership, status, directory, suspendedReason, settings, at }: OwnerView): Finding[] {
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
  for (const { id, state } of status.apps)
    if (state !== 'running') add(`app-${id}`, 'attention', { title: words.app.title(id), what: words.app.what });
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
