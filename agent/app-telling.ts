/** What apps are told on their event streams beside their grants, wired: updates that wait, and room that is short. */
import type { Clock } from '#common/clock.js';
import type { AppEvent } from '#contract/api.js';
import type { Features } from './api/features.js';
import type { AppsDesk } from './apps/desk.js';
import { createPending } from './apps/pending.js';
import { createSpaceWatch, type SpaceWatch } from './storage/space-watch.js';
import { type Storage, storageReserveBytes } from './storage/storage.js';

export interface AppTelling {
  /** The storage as apps use it: what they write is looked at. */
  storage: Storage;
  space: SpaceWatch;
  standing: NonNullable<Features['standing']>;
}

export function tellApps(wish: {
  desk: Pick<AppsDesk, 'list' | 'show' | 'onChange'> | undefined;
  storage: Storage;
  api: () => { apps(): { id: string; quotaBytes: number }[]; tell(app: string, event: AppEvent): number };
  freeBytes: () => number;
  clock: Clock;
}): AppTelling {
  const { desk, storage, api, freeBytes, clock } = wish;
  const tell = (app: string, event: AppEvent): void => void api().tell(app, event);
  const space = createSpaceWatch({
    apps: () => api().apps(),
    usedBytes: storage.usedBytes,
    freeBytes,
    reserveBytes: storageReserveBytes,
    tell,
    clock,
  });
  const pending = desk && createPending({ desk, tell, clock });
  return {
    space,
    standing: (app) => [...(pending?.standing(app) ?? []), ...space.standing(app)],
    storage: {
      ...storage,
      async write(app, writes) {
        const written = await storage.write(app, writes);
        space.look(app);
        return written;
      },
    },
  };
}
