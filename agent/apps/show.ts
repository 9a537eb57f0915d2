/** An installed app as its owner sees it. */
import type { Change } from '#contract/changes.js';
import type { AppSuccession, InstalledApp } from '#contract/installed.js';
import type { Members } from '../members/members.js';
import { type InstalledRecord, lacksTerms, releaseOf } from './installed.js';
import { digestsOf, type Offers, toldOf } from './offers.js';
import type { Outcomes } from './outcomes.js';
import { quotaOf } from './plan.js';
import type { Grants, Holds, Runner, Storage, Terms } from './uses.js';

function showSuccession(
  { succession }: InstalledRecord,
  { members, offers }: { members: Pick<Members, 'see'>; offers: Pick<Offers, 'asks' | 'hasSameTerms'> },
): AppSuccession | null {
  const offer = succession?.offer;
  const [first] = offer?.path ?? [];
  const last = offer?.path.at(-1);
  const heir = offer && members.see(offer.credential);
  if (!offer || !first || !last || !heir) return null;
  const { name, left, since, because } = first.from;
  const next = offer.next && releaseOf(offer.next);
  return {
    serial: last.serial,
    territory: last.territory,
    from: { name, left, since, because: because ?? null },
    to: heir.member,
    decisions: offer.path.map(({ from, to, at, reason, decidedBy, review }) => ({
      ...{ from: from.name, to: to.name, at, reason, decidedBy, review },
    })),
    answer: offer.answer,
    problem: heir.problem && heir.may !== 'install' && heir.may !== 'update' ? toldOf(heir.problem) : null,
    next: next && {
      ...{ release: offer.next?.release ?? '', version: next.manifest.version },
      ...{ asks: offers.asks(next), sameTerms: offers.hasSameTerms(next) },
    },
  };
}

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
    terms: Pick<Terms, 'holds'>;
    underWay(id: string): Change | undefined;
  },
): InstalledApp {
  const { id, waiting, installedAt, updatedAt, failed } = record;
  const stopped = record.stopped ?? (lacksTerms(record, uses.terms) ? 'terms' : null);
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
    ...digestsOf(manifest),
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
    succession: showSuccession(record, uses),
    leases: uses.holds.leases(id),
    held: uses.holds.held(id) ?? null,
    failed,
    foreign: record.foreign ?? null,
    change: uses.underWay(id)?.id ?? null,
    told: uses.outcomes.last(id),
  };
}
