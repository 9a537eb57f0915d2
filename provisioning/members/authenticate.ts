/** Who asks: a member that shows its credential and proves, for this very request, that it holds the key (RFC 9449). */
import type { Clock } from '#common/clock.js';
import { type CredentialFault, verifyCredential } from '#common/members/credential.js';
import { type DpopFault, verifyDpop } from '#common/members/dpop.js';
import { proofSeconds } from '#contract/catalogue.js';
import type { PublicJwk } from '#contract/directory.js';
import type { MemberRecord } from '#contract/member-register.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';

export interface Shown {
  credential: string;
  proof: string;
  method: string;
  /** Whole, as the member called it. */
  url: string;
}

const ofCredential: Record<CredentialFault, ProblemCode> = {
  malformed: 'credential-malformed',
  foreign: 'credential-foreign',
  forged: 'credential-forged',
  early: 'credential-early',
  expired: 'credential-expired',
};

const inWords: Record<Exclude<DpopFault, 'stale'>, string> = {
  malformed: 'it is not a proof',
  foreign: 'it is by another key',
  forged: 'its signature does not verify',
  'other-request': 'it is for another method or address',
  'other-credential': 'it goes with another credential',
};

/** A proof is good for so long on either side of now; for both it must be remembered. */
const remembered = 2 * proofSeconds * 1000;
const mostProofs = 100_000;

const standsAs = (member: MemberRecord): string => {
  const last = member.history.findLast(({ reason }) => reason !== undefined);
  return [member.id, last?.reason, last?.review && `review: ${last.review}`].filter(Boolean).join('; ');
};

/** @throws Refusal `member-suspended`, `member-expelled` */
export function demandGood(member: MemberRecord): void {
  if (member.standing === 'suspended') throw new Refusal('member-suspended', standsAs(member));
  if (member.standing === 'expelled') throw new Refusal('member-expelled', standsAs(member));
}

export interface Authenticator {
  /** Whose key this is, however it stands. @throws Refusal `credential-…`, `proof-…`, `member-unknown` */
  identify(shown: Shown): Promise<MemberRecord>;
  /** And in good standing. @throws Refusal `member-suspended`, `member-expelled` as well */
  authenticate(shown: Shown): Promise<MemberRecord>;
}

export function createAuthenticator({
  territory,
  keys,
  find,
  clock,
}: {
  territory: string;
  keys: () => readonly PublicJwk[];
  find: (member: string) => MemberRecord | undefined;
  clock: Clock;
}): Authenticator {
  /** Oldest first. */
  const used = new Map<string, number>();

  function once(member: string, jti: string): void {
    const now = clock.now();
    for (const [proof, at] of used) {
      if (Math.abs(now - at) <= remembered) break;
      used.delete(proof);
    }
    const proof = `${member} ${jti}`;
    if (used.has(proof)) throw new Refusal('proof-replayed');
    // Each was signed by a member: rather nobody for a while than one proof twice.
    if (used.size >= mostProofs)
      throw new Refusal('too-many-requests', undefined, { headers: { 'retry-after': String(proofSeconds) } });
    used.set(proof, now);
  }

  async function holderOf(
    { credential, proof, method, url }: Shown,
    { late }: { late: boolean },
  ): Promise<MemberRecord> {
    const at = clock.now();
    const verified = await verifyCredential(credential, { keys: keys(), territory, at });
    const isLate = late && !verified.ok && verified.fault === 'expired';
    const shown = verified.credential;
    if (!shown || !(verified.ok || isLate)) throw new Refusal(ofCredential[verified.ok ? 'malformed' : verified.fault]);
    const { member: id } = shown.credentialSubject;
    const { jwk } = shown.cnf;
    const member = find(id);
    if (!member) throw new Refusal('member-unknown', id);
    if (member.jwk.kid !== jwk.kid) throw new Refusal('credential-superseded', id);
    const proved = await verifyDpop(proof, { credential, jwk, method, url, at });
    if (!proved.ok)
      throw proved.fault === 'stale' ? new Refusal('proof-stale') : new Refusal('proof-invalid', inWords[proved.fault]);
    once(id, proved.jti);
    return member;
  }

  return {
    // Who was expelled is given no new credential, and has a year to be heard and longer: the key is what counts.
    identify: (shown) => holderOf(shown, { late: true }),
    async authenticate(shown) {
      const member = await holderOf(shown, { late: false });
      demandGood(member);
      return member;
    },
  };
}
