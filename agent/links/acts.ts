/** What managers did lately, as the ledger tells it: for the owner's first page. */

import type { LedgerEntry } from '#contract/ledger.js';
import { LinkId } from '#contract/links.js';
import { ReleasedAppId } from '#contract/manifest.js';
import type { ManagerAct } from '#contract/owner-links.js';
import { check } from '#contract/parse.js';
import type { LinkParts } from './parts.js';

export interface Acts {
  /** Newest first: of what runs now. */
  list(): ManagerAct[];
  start(): Promise<void>;
  stop(): void;
}

const keptMilliseconds = 7 * 86_400_000;
const most = 5;
/** So far back it is looked for at the start. */
const mostEntries = 500;

export function createActs({ ledger, clock, desk }: Pick<LinkParts, 'ledger' | 'clock' | 'desk'>): Acts {
  /** Of each app the last one. */
  const last = new Map<string, LedgerEntry>();
  let end = (): void => {};

  function note(entry: LedgerEntry): void {
    const { app } = entry.facts;
    if (entry.type === 'manager.agreed' && typeof app === 'string') last.set(app, entry);
  }

  return {
    list: () =>
      [...last.values()]
        .filter(({ at }) => clock.now() - at < keptMilliseconds)
        .sort((a, b) => b.index - a.index)
        .flatMap(({ at, facts: { app, release, link, name } }): ManagerAct[] => {
          if (!check(ReleasedAppId, app).ok || !check(LinkId, link).ok) return [];
          const runs = desk.show(String(app));
          if (!runs || runs.release !== release || runs.change !== null) return [];
          const { name: called, version } = runs.manifest;
          return [{ app: String(app), name: called, version, by: String(name), link: String(link), at }];
        })
        .slice(0, most),
    async start() {
      end = ledger.onAppend(note);
      const newest = await ledger.entries({ limit: mostEntries, newestFirst: true });
      for (const entry of newest.reverse()) note(entry);
    },
    stop: () => end(),
  };
}
