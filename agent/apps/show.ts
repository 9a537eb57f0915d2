/** An installed app as its owner sees it. */
import type { Change } from '#contract/changes.js';
import type { InstalledApp } from '#contract/installed.js';
import type { Members } from '../members/members.js';
import { type InstalledRecord, releaseOf } from './installed.js';
import type { Offers } from './offers.js';
import type { Outcomes } from './outcomes.js';
import { quotaOf } from './plan.js';
import type { Grants, Holds, Runner, Storage } from './uses.js';

export function showApp(
  record: InstalledRecord,
  uses: {
    members: Members;
    offers: Offers;
    outcomes: Pick<Outcomes, 'last'>;
    runner: Runner;
    grants: Grants;
    holds: Holds;
    storage: Storage;
    underWay(id: string): Change | undefined;
  },
): InstalledApp {
  const { id, waiting, installedAt, updatedAt, stopped, failed } = record;
  const held = record.current ?? record.next?.held;
  const seen = held && uses.members.see(held.credential);
  if (!held || !seen) throw new Error(`the record of ${id} names no release`);
  const { manifest } = releaseOf(held);
  const runs = uses.runner.show(id);
  const judged = waiting && uses.members.see(waiting.credential);
  return {
    id,
    release: held.release,
    manifest,
    member: seen.member,
    installedAt,
    updatedAt,
    state: runs?.state ?? (stopped ? 'stopped' : 'starting'),
    health: runs?.health ?? null,
    restarts: runs?.restarts ?? 0,
    sandbox: uses.runner.sandbox,
    stopped,
    grants: uses.grants.of(id),
    usedBytes: uses.storage.usedBytes(id),
    quotaBytes: quotaOf(manifest),
    waiting: judged
      ? uses.offers.show(
          { held: waiting, release: releaseOf(waiting), judged },
          judged.may === 'install' || judged.may === 'update' ? null : judged.problem,
        )
      : null,
    leases: uses.holds.leases(id),
    held: uses.holds.held(id) ?? null,
    failed,
    change: uses.underWay(id)?.id ?? null,
    told: uses.outcomes.last(id),
  };
}
