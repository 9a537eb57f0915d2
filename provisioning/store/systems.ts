/** What is stored of releases of the operating system, and of what boxes told of them. */
import type { Database } from '#common/commits.js';
import type { OsOutcome } from '#contract/os-release.js';
import type { RolloutRecord } from './rollouts.js';
import { sublevel } from './sublevel.js';

/** As its publisher signed it. Keyed by the release's id. */
export interface SystemRecord {
  jws: string;
  at: number;
  /** Missing: nobody has selected it. */
  schedule?: { notBefore: number | null; rollout: RolloutRecord };
}

export const systemSublevels = (db: Database) => ({
  systems: sublevel<SystemRecord>(db, 'systems'),
  /** `{compatible}!{box}` to the version that runs there. */
  systemBoxes: sublevel<string>(db, 'systemboxes'),
  /** `{release}!{box}`: what became of it there. */
  systemOutcomes: sublevel<OsOutcome>(db, 'systemoutcomes'),
});

export type SystemStore = Readonly<ReturnType<typeof systemSublevels>>;
