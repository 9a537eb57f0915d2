/** The two status lists and the head of the register as it has them, and the record that goes to the store with what they say. */

import type { KeyObject } from 'node:crypto';
import { randomInt } from 'node:crypto';
import { signHead } from '#common/members/register.js';
import { issueStatusList } from '#common/members/status-list.js';
import { type StatusPurpose, staleAfterSeconds, statusListBits } from '#contract/member.js';
import type { MemberRecord, StatusIndexes } from '#contract/member-register.js';
import { Refusal } from '#contract/problems.js';
import type { StatusListsRecord } from '../store/members.js';
import type { RegisterTree } from './log.js';

/** As long as boxes take a list for fresh: what is older is renewed or not believed. */
export const lifetime = staleAfterSeconds * 1000;
/** Long before half of it: a provider that is down for days leaves its members where they stand. */
export const remadeEvery = 86_400_000;

type Standing = Pick<MemberRecord, 'standing' | 'status' | 'retired'>;

/** Whose bits are set. A lost key stays suspended, however its member stands. */
export function indexesOf(members: Iterable<Standing>, purpose: StatusPurpose): number[] {
  return [...members].flatMap(({ standing, status, retired }) => {
    if (purpose === 'revocation')
      return standing === 'expelled' ? [status, ...retired].map(({ revocation }) => revocation) : [];
    const lost = retired.map(({ suspension }) => suspension);
    return standing === 'suspended' ? [status.suspension, ...lost] : lost;
  });
}

export async function makeLists(wish: {
  key: KeyObject;
  territory: string;
  origin: string;
  members: Iterable<Standing>;
  before: StatusListsRecord | undefined;
  /** The register as it is with what these lists follow from. */
  tree: RegisterTree;
  now: number;
}): Promise<StatusListsRecord> {
  const { key, territory, origin, tree, now } = wish;
  const members = [...wish.members];
  // Follows the clock, so that a store that was restored by hand does not take it back.
  const sequence = Math.max((wish.before?.sequence ?? 0) + 1, Math.floor(now / 1000));
  const make = (purpose: StatusPurpose) =>
    issueStatusList({
      ...{ key, territory, origin, purpose, sequence, indexes: indexesOf(members, purpose) },
      ...{ validFrom: now, validUntil: now + lifetime },
    });
  const [suspension, revocation, register] = await Promise.all([
    make('suspension'),
    make('revocation'),
    signHead({ key, head: { territory, ...tree, at: now } }),
  ]);
  return { sequence, madeAt: now, origin, suspension, revocation, register };
}

/** Random, so that nobody can tell from it when a member came; once given it is never given again. @throws Refusal `members-full` */
export function newIndexes(members: Iterable<Standing>): StatusIndexes {
  const used = [...members].flatMap(({ status, retired }) => [status, ...retired]);
  const free = (purpose: StatusPurpose): number => {
    const taken = new Set(used.map((one) => one[purpose]));
    if (taken.size > statusListBits / 2) throw new Refusal('members-full');
    for (;;) {
      const index = randomInt(statusListBits);
      if (!taken.has(index)) return index;
    }
  };
  return { suspension: free('suspension'), revocation: free('revocation') };
}
