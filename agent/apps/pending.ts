/** What an app is told of the update that waits: for its owner, or for the app itself. */
import type { AppEvent } from '#contract/api.js';
import type { InstalledApp } from '#contract/installed.js';
import type { AppsDesk } from './desk.js';

/** Undefined where none waits. Pure. */
export function pendingOf({ held, waiting }: Pick<InstalledApp, 'held' | 'waiting'>, at: number): AppEvent | undefined {
  const type = 'update-pending';
  if (held) {
    const seconds = Math.max(0, Math.ceil((held.until - at) / 1000));
    return { type, at, version: held.version, waits: 'lease', seconds };
  }
  return waiting ? { type, at, version: waiting.manifest.version, waits: 'owner', seconds: null } : undefined;
}

export interface Pending {
  standing(app: string): AppEvent[];
}

/** Told once of each version and each thing that it waits for. */
export function createPending(wish: {
  desk: Pick<AppsDesk, 'list' | 'show' | 'onChange'>;
  tell: (app: string, event: AppEvent) => void;
  clock: { now(): number };
}): Pending {
  const { desk, tell, clock } = wish;
  const told = new Map<string, string>();

  function of(app: string): { event: AppEvent | undefined; news: string } {
    const shown = desk.show(app);
    const event = shown && pendingOf(shown, clock.now());
    return { event, news: event?.type === 'update-pending' ? `${event.waits} ${event.version}` : '' };
  }

  for (const { id } of desk.list()) told.set(id, of(id).news);
  desk.onChange((id) => {
    const { event, news } = of(id);
    const before = told.get(id) ?? '';
    if (news === '') told.delete(id);
    else told.set(id, news);
    if (event && news !== before) tell(id, event);
  });
  return {
    standing(app) {
      const { event } = of(app);
      return event ? [event] : [];
    },
  };
}
