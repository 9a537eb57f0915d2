/** What a signed-in owner's pages are drawn from, gathered from the rooms that know it. */
import type { Clock } from '#common/clock.js';
import type { Change } from '#contract/changes.js';
import type { OwnerView } from '#contract/owner.js';
import type { OwnerFeatures } from './features.js';
import type { Settings } from './settings.js';
import { setupPage } from './setup.js';

/** Renewals go on by themselves; these are what a person waits for. */
const awaited = new Set(['enrol', 'transfer', 'reset']);

export interface ViewParts {
  features: OwnerFeatures;
  settings: Settings;
  clock: Pick<Clock, 'now'>;
  https: () => OwnerView['https'];
}

/** The one under way, or else the newest that ended. */
export function changeOf(underWay: string | null, changes: readonly Change[]): Change | null {
  const found = changes.find(({ id }) => id === underWay);
  return found ?? changes.find(({ kind }) => awaited.has(kind)) ?? null;
}

export function viewOf({ features, settings, clock, https }: ViewParts): OwnerView {
  const { factory, owner, membership, changes, directory, status } = features;
  const now = settings.now();
  const belongs = membership.view();
  const { territories, sequence, expiresAt, expired } = directory.list();
  const mine = territories.find(({ id }) => id === belongs.current.territory?.id);
  return {
    name: factory.name(),
    at: clock.now(),
    setup: setupPage(now, belongs),
    settings: now,
    forgottenAllowed: owner.mayReplace(),
    membership: belongs,
    change: changeOf(belongs.change, changes.list()),
    status: status(),
    directory: { sequence, expiresAt, expired },
    suspendedReason: mine?.standing === 'suspended' ? (mine.reason ?? '') : null,
    https: https(),
  };
}
