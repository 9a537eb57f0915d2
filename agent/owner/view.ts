/** What a signed-in owner's pages are drawn from, gathered from the rooms that know it. */
import type { Clock } from '#common/clock.js';
import type { Change } from '#contract/changes.js';
import type { OsGlance, OsView } from '#contract/os.js';
import type { AppsView, NoticesView, OwnerView } from '#contract/owner.js';
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
  /** Counts what may be new about apps. */
  appsVersion: () => number;
  noticesVersion: () => number;
  providerVersion: () => number;
  systemVersion: () => number;
  networkVersion: () => number;
  monthsVersion: () => number;
  /** Another one for each view. */
  made: () => OwnerView['made'];
}

/** The one under way, or else the newest that ended. */
export function changeOf(underWay: string | null, changes: readonly Change[]): Change | null {
  const found = changes.find(({ id }) => id === underWay);
  return found ?? changes.find(({ kind }) => awaited.has(kind)) ?? null;
}

/** Kinds of changes that are about an app. */
const ofAnApp = /^(?:app-)?(?:install|update|remove)$/;
const mostAppChanges = 20;

function appsOf({ apps, changes }: OwnerFeatures, version: number): AppsView | null {
  if (!apps) return null;
  const installed = apps.list().map(({ id, manifest, member, state, stopped, health, change, ...app }) => ({
    id,
    name: manifest.name,
    version: manifest.version,
    state,
    stopped,
    health,
    standing: member.standing,
    member: { id: member.id, territory: member.territory },
    waiting: app.waiting?.manifest.version ?? null,
    heir: app.succession?.answer === null ? app.succession.to.name : null,
    failed: app.failed !== null,
    change,
  }));
  const ours = changes.list().filter(({ kind }) => ofAnApp.test(kind));
  return { version, installed, changes: ours.slice(0, mostAppChanges) };
}

const newestNotices = 5;

function noticesOf({ notices }: OwnerFeatures, version: number): NoticesView {
  const all = notices.list();
  return { version, count: all.length, newest: all.slice(0, newestNotices) };
}

/** What the owner is to hear of without going there. */
function glanceOf({ next, last }: OsView): Pick<OsGlance, 'asks' | 'failed'> {
  return {
    asks: next?.why === 'owner-asked' ? next.version : null,
    failed: last && last.outcome !== 'done' ? { version: last.version, at: last.at } : null,
  };
}

export function viewOf(parts: ViewParts): OwnerView {
  const { features, settings, clock, https, appsVersion, noticesVersion, providerVersion, systemVersion, made } = parts;
  const { factory, owner, membership, changes, directory, status } = features;
  const now = settings.now();
  const belongs = membership.view();
  const { territories, sequence, expiresAt, expired } = directory.list();
  const mine = territories.find(({ id }) => id === belongs.current.territory?.id);
  return {
    name: factory.name(),
    at: clock.now(),
    made: made(),
    setup: setupPage(now, belongs),
    settings: now,
    forgottenAllowed: owner.mayReplace(),
    membership: belongs,
    change: changeOf(belongs.change, changes.list()),
    status: status(),
    directory: { sequence, expiresAt, expired },
    suspendedReason: mine?.standing === 'suspended' ? (mine.reason ?? '') : null,
    https: https(),
    apps: appsOf(features, appsVersion()),
    links: features.links?.view() ?? null,
    months: features.months ? { version: parts.monthsVersion(), ...features.months.glance() } : null,
    notices: noticesOf(features, noticesVersion()),
    system: features.system ? { version: systemVersion(), ...glanceOf(features.system.view()) } : null,
    safe: features.safe?.view() ?? null,
    volume: features.volume?.glance() ?? null,
    network: features.network ? { version: parts.networkVersion() } : null,
    backup: features.backup?.glance() ?? null,
    provider: features.provider ? { version: providerVersion(), waiting: features.provider.waiting() } : null,
  };
}
