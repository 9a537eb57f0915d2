/** What links are handed of the rooms beside them. */
import type { PublicJwk } from '#contract/directory.js';
import type { Standing } from '#contract/member.js';
import type { Listed } from '../catalogue/registry.js';

export interface LinkMember {
  readonly id: string;
  readonly name: string;
  readonly standing: Standing;
  readonly jwk: PublicJwk;
}

export interface LinkMembers {
  find(member: string): LinkMember | undefined;
  credentialOf(member: string): string;
}

export interface Releases {
  find(id: string): Listed | undefined;
  releasesOf(app: string): Promise<Listed[]>;
}

/** Of wrong codes: by who asks. */
export interface Attempts {
  /** @throws Refusal `too-many-attempts` */
  check(who: string): void;
  failed(who: string): void;
}

/** Boxes have something to ask; nothing is promised. */
export type Tell = (boxes: readonly string[]) => void;
