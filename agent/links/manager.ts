/**
 * What a manager may do: install and update its own apps, with permissions that the owner named, within a ceiling, and
 * nothing that the owner has decided against since. Pure.
 */
import { type Capability, coversEgress } from '#contract/capabilities.js';
import type { InstalledApp } from '#contract/installed.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { Manifest } from '#contract/manifest.js';
import type { Manager } from '#contract/owner-links.js';

const egress = 'network.egress:';

/** Whether who may grant the one may grant the other: an address below a name that was allowed, any where all were. */
export function isWithin(allowed: readonly Capability[], asked: Capability): boolean {
  if (allowed.includes(asked)) return true;
  if (!asked.startsWith(egress)) return false;
  const [host = '', port = '443'] = asked.slice(egress.length).split(':');
  if (host.startsWith('*')) return allowed.includes(`${egress}*`);
  return allowed.some((one) => coversEgress(one, host, Number(port)));
}

export const isOver = ({ until }: Manager, now: number): boolean => until !== null && now >= until;

interface Act {
  release: string;
  manifest: Manifest;
  /** The app as it is installed now. */
  before: InstalledApp | undefined;
  allows(capability: Capability): boolean;
}

/**
 * What is granted by the act; undefined where it needs more than that. What an app asked for before and its owner did not
 * allow, or took back, is not granted behind the owner's back; nor is what an app works without.
 */
export function grantsFor({ capabilities }: Pick<Manager, 'capabilities'>, act: Act): Capability[] | undefined {
  const known = new Set(act.before?.manifest.capabilities.map(({ capability }) => capability));
  const wanted = act.manifest.capabilities
    .filter(({ capability, optional }) => !optional && !known.has(capability) && !act.allows(capability))
    .map(({ capability }) => capability);
  return wanted.every((one) => isWithin(capabilities, one)) ? wanted : undefined;
}

/** With this app, all apps of the manager together. @param apps that are installed, of this member */
export function fits(manager: Manager, { id, resources }: Manifest, apps: readonly InstalledApp[]): boolean {
  const all = [...apps.filter((app) => app.id !== id).map((app) => app.manifest.resources), resources];
  const sum = (what: 'storageMiB' | 'memoryMiB'): number => all.reduce((total, one) => total + one[what], 0);
  return all.length <= manager.apps && sum('storageMiB') <= manager.storageMiB && sum('memoryMiB') <= manager.memoryMiB;
}

/** The owner has removed this app, or did not want it, since the manager was appointed. @param since newest first */
export function isUnwanted(since: readonly LedgerEntry[], { release, manifest, before }: Act): boolean {
  return since.some(({ by, type, facts }) => {
    if (by !== 'owner' || facts.app !== manifest.id) return false;
    if (type === 'offer.declined') return before === undefined || facts.release === release;
    return type === 'app.remove' && before === undefined;
  });
}
