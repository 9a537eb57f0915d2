/** What the links are handed of the rooms beside them. */
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { Refusal } from '#contract/problems.js';
import type { AppsDesk } from '../apps/desk.js';
import type { Changes } from '../changes/changes.js';
import type { Grants } from '../consent/grants.js';
import type { Ledger } from '../consent/ledger.js';
import type { Members } from '../members/members.js';
import type { Say } from './client.js';

export interface LinkParts {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide' | 'entries' | 'onAppend'>;
  clock: Clock;
  /** The box as its territory knows it; undefined where it has none. */
  own(): { box: string; territory: string } | undefined;
  members: Pick<Members, 'judge' | 'see' | 'refresh' | 'onChange'>;
  desk: Pick<AppsDesk, 'look' | 'list' | 'show' | 'manage' | 'onChange'>;
  grants: Pick<Grants, 'allows'>;
  changes(): Pick<Changes, 'list' | 'data' | 'show' | 'abort'>;
  say: Say;
  architecture: 'amd64' | 'arm64';
  onRefused: (refusal: Refusal) => void;
}
