/** What a territory certifies of a member, from its register. */
import { type KeyObject, randomUUID } from 'node:crypto';
import { credentialTypes, issueCredential } from '#common/members/credential.js';
import { isoOf } from '#common/members/iso.js';
import { statusListUrl } from '#common/members/status-list.js';
import { credentialContext, issuerOf, subjectOf } from '#contract/member.js';
import type { MemberRecord } from '#contract/member-register.js';

/** A year and a day; a new one is made when half of it is over. */
export const lifetime = 366 * 86_400_000;
const backdated = 5 * 60_000; // clocks of boxes lag a little

export const isOld = ({ credentialUntil }: Pick<MemberRecord, 'credentialUntil'>, now: number): boolean =>
  credentialUntil - now < lifetime / 2;

type Certified = Pick<MemberRecord, 'id' | 'class' | 'name' | 'level' | 'charterVersion' | 'since' | 'status' | 'jwk'>;

export async function certify(
  member: Certified,
  { key, territory, origin, now }: { key: KeyObject; territory: string; origin: string; now: number },
): Promise<Pick<MemberRecord, 'credential' | 'credentialUntil'>> {
  const credential = await issueCredential({
    key,
    credential: {
      '@context': [...credentialContext],
      id: `urn:uuid:${randomUUID()}`,
      type: [...credentialTypes],
      issuer: issuerOf(territory),
      validFrom: isoOf(now - backdated),
      validUntil: isoOf(now + lifetime),
      credentialSubject: {
        id: subjectOf(territory, member.id),
        member: member.id,
        territory,
        name: member.name,
        class: member.class,
        vettingLevel: member.level,
        charterVersion: member.charterVersion,
        since: isoOf(member.since),
      },
      credentialStatus: (['suspension', 'revocation'] as const).map((statusPurpose) => ({
        type: 'BitstringStatusListEntry',
        statusPurpose,
        statusListIndex: String(member.status[statusPurpose]),
        statusListCredential: statusListUrl(origin, statusPurpose),
      })),
      cnf: { jwk: member.jwk },
    },
  });
  return { credential, credentialUntil: now + lifetime };
}
