/** Whether a territory may be elected, decided purely. */
import { createHash } from 'node:crypto';
import { parseClaimCode } from '#contract/claim-code.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { Election } from '#contract/membership.js';
import { Refusal } from '#contract/problems.js';
import type { Elected } from './places.js';

const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}-`);

/**
 * The same code, a part of the other's country, or the country that it is a part of: AU and AU-NSW are each other's
 * own, AU-NSW and AU-VIC are not, because their laws differ.
 */
export const isOwnJurisdiction = (territory: string, own: string): boolean =>
  within(territory, own) || within(own, territory);

/** @throws Refusal `territory-suspended` */
export function checkOpen(territory: DirectoryTerritory, now: number): void {
  if (territory.standing === 'suspended') throw new Refusal('territory-suspended', territory.reason ?? territory.name);
  if (now < territory.validFrom || now > territory.validUntil)
    throw new Refusal('territory-suspended', `${territory.name}: outside the time of its accreditation`);
}

/** @throws Refusal `territory-unknown`, `territory-suspended`, `foreign-not-accepted`, `claim-malformed` */
export function electedBy(
  by: Elected['electedBy'],
  election: Omit<Election, 'ownJurisdiction'> & { ownJurisdiction: string | null },
  territory: DirectoryTerritory | undefined,
  now: number,
): Elected {
  if (!territory) throw new Refusal('territory-unknown', election.territory);
  checkOpen(territory, now);
  const own = election.ownJurisdiction;
  const isForeign = own !== null && !isOwnJurisdiction(territory.jurisdiction, own);
  if (isForeign && election.foreignAccepted !== true)
    throw new Refusal('foreign-not-accepted', `${territory.jurisdiction} for ${own}`);
  const claimCode = election.claimCode === undefined ? undefined : parseClaimCode(election.claimCode);
  if (election.claimCode !== undefined && claimCode === undefined) throw new Refusal('claim-malformed');
  const { ca, ...rest } = territory;
  return {
    at: now,
    electedBy: by,
    est: territory.est,
    pins: ca.map((der) => createHash('sha256').update(Buffer.from(der, 'base64')).digest('hex')),
    territory: rest,
    ownJurisdiction: own,
    foreignAccepted: isForeign,
    ...(claimCode === undefined ? {} : { claimCode }),
  };
}
