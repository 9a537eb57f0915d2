/**
 * Releases that the owner may say yes or no to: verified first, in full, and judged against what runs.
 *
 * A release is its member's: its signature, its credential and its member's standing are checked before anything of it
 * is believed, whoever brought it. What cannot be trusted is refused; what can be, and may not be installed now, is
 * offered with the reason.
 */
import { followRotation, verifyRelease } from '#common/archive/release.js';
import { apiVersion } from '#contract/api.js';
import type { Capability } from '#contract/capabilities.js';
import type { CatalogueRelease } from '#contract/catalogue.js';
import type { PublicJwk } from '#contract/directory.js';
import type { AppOffer } from '#contract/installed.js';
import { canonicalJson } from '#contract/ledger-chain.js';
import { compareVersions } from '#contract/manifest.js';
import type { StatusLists } from '#contract/member.js';
import { agreedPlan, planDigest } from '#contract/plan-digest.js';
import { Refusal } from '#contract/problems.js';
import type { Release } from '#contract/release.js';
import type { Judgement, Members } from '../members/members.js';
import type { Bring } from './bring.js';
import { type Held, type Installed, type InstalledRecord, releaseOf } from './installed.js';
import type { Successions } from './successions.js';
import type { Grants, Terms } from './uses.js';

export type Architecture = Release['architecture'];

export interface Verified {
  held: Held;
  release: Release;
  judged: Judgement;
  /** Whose signature it bears. */
  jwk: PublicJwk;
}

export interface Offers {
  /** @throws Refusal `release-…`, `credential-…` */
  verify(wish: {
    jws: string;
    credential: string;
    status?: StatusLists | undefined;
    source: Held['source'];
  }): Promise<Verified>;
  /** Why it cannot be installed now. */
  problem(verified: Verified): Promise<Refusal | null>;
  /** What a catalogue says beside the release: remembered when it was taken back. */
  heed(entry: Pick<CatalogueRelease, 'id' | 'app' | 'state' | 'reason'>): Promise<void>;
  /** What is asked that was not granted. */
  asks(release: Release): Capability[];
  /** Whether its terms are those that the owner has accepted. */
  hasSameTerms(release: Release): boolean;
  /** Whether it may take the place of what runs without a word of the owner: no more power, and the same terms. */
  goesAhead(release: Release): boolean;
  show(verified: Pick<Verified, 'held' | 'release' | 'judged'>, problem: Refusal | null): AppOffer;
}

const minorOf = (version: string): number => Number(version.split('.')[1]);

export function createOffers(wish: {
  members: Members;
  installed: Installed;
  bring: Pick<Bring, 'afar'>;
  grants: Grants;
  successions: Pick<Successions, 'isHeirs'>;
  architecture: Architecture;
  clock: { now(): number };
  terms: Pick<Terms, 'covers'>;
}): Offers {
  const { successions, members, installed, bring, grants, architecture, clock, terms } = wish;

  const asks = ({ manifest }: Release): Capability[] =>
    manifest.capabilities.map(({ capability }) => capability).filter((one) => !grants.allows(manifest.id, one));

  function hasSameTerms({ manifest }: Release): boolean {
    const current = installed.get(manifest.id)?.current;
    return current ? canonicalJson(releaseOf(current).manifest.terms) === canonicalJson(manifest.terms) : false;
  }

  async function boundElsewhere({ jwk, current }: InstalledRecord, { held, jwk: signer }: Verified): Promise<boolean> {
    if (!current || jwk.kid === signer.kid) return false;
    return (await followRotation(held.jws, jwk))?.kid !== signer.kid;
  }

  function notHere({ manifest, architecture: made }: Release): Refusal | null {
    if (made !== architecture) return new Refusal('image-architecture', `${made}, and this box is ${architecture}`);
    if (minorOf(manifest.api) > minorOf(apiVersion))
      return new Refusal('api-too-old', `${manifest.api} is needed, ${apiVersion} is here`);
    return null;
  }

  return {
    async verify({ jws, credential, status, source }) {
      const judged = await members.judge(credential, status);
      const { jwk } = judged.credential.cnf;
      const { id, release } = await verifyRelease(jws, jwk);
      const { member, territory } = judged.credential.credentialSubject;
      if (release.member !== member || release.territory !== territory)
        throw new Refusal(
          'release-member-other',
          `${release.territory}/${release.member}, signed by ${territory}/${member}`,
        );
      return { held: { release: id, jws, credential, source }, release, judged, jwk };
    },
    async problem(verified) {
      const { release, judged, held } = verified;
      const record = installed.get(release.manifest.id);
      const barred = installed.barred(held.release);
      if (barred && barred.why !== 'failed') return new Refusal('release-withdrawn', barred.detail);
      const here = notHere(release);
      if (here) return here;
      if (!record?.current) return judged.may === 'install' ? null : judged.problem;
      if (await boundElsewhere(record, verified)) {
        const isHeirs = await successions.isHeirs(record, verified);
        return new Refusal(isHeirs ? 'succession-undecided' : 'app-bound-elsewhere', release.manifest.id);
      }
      const { version } = releaseOf(record.current).manifest;
      if (compareVersions(release.manifest.version, version) <= 0)
        return new Refusal('release-not-newer', `${release.manifest.version} after ${version}`);
      return judged.may === 'install' || judged.may === 'update' ? null : judged.problem;
    },
    async heed({ id, app, state, reason }) {
      if (state === 'published') return;
      await installed.bar(id, { app, why: state, detail: reason ?? '', at: clock.now() });
    },
    asks,
    hasSameTerms,
    goesAhead(release) {
      const current = installed.get(release.manifest.id)?.current;
      if (!current) return false;
      const known = new Set(releaseOf(current).manifest.capabilities.map(({ capability }) => capability));
      return (
        hasSameTerms(release) && terms.covers(release) && asks(release).every((capability) => known.has(capability))
      );
    },
    show({ held, release, judged }, problem) {
      const current = installed.get(release.manifest.id)?.current;
      const sum = (sizes: readonly { size: number }[]): number => sizes.reduce((total, { size }) => total + size, 0);
      return {
        release: held.release,
        source: held.source,
        manifest: release.manifest,
        member: judged.member,
        sizeBytes: sum(release.blobs),
        missingBytes: sum(bring.afar(release.blobs)),
        installed: current ? releaseOf(current).manifest.version : null,
        asks: asks(release),
        ...digestsOf(release.manifest),
        problem: problem && toldOf(problem),
      };
    },
  };
}

/** What names the terms of its plans, in their order. */
export const digestsOf = ({ plans }: Release['manifest']): { digests?: string[] } =>
  plans ? { digests: plans.map((plan) => planDigest(agreedPlan(plan))) } : {};

export function toldOf({ problem }: Refusal): NonNullable<AppOffer['problem']> {
  const { code, title, remedy, detail } = problem;
  return { code, title, remedy, ...(detail ? { detail } : {}) };
}
