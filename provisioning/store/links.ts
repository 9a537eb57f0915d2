/** What is stored of the links of boxes with members, and of what is offered over them. */
import type { Database } from '#common/commits.js';
import type { MemberLink, OfferedRelease } from '#contract/links.js';
import { sublevel } from './sublevel.js';

/** What a box has said of its links last. Keyed by box id. */
export interface LinkBoxRecord {
  sequence: number;
  /** The hash of the code that its owner shows. */
  code?: string;
}

/** Keyed by the hash of the code: one member asks with it, and no second one. */
export interface LinkCodeRecord {
  box: string;
  expiresAt: number;
  use?: { member: string; link: string };
}

/** Keyed by `{member}!{link}`. Without `since` it waits for the owner. */
export interface LinkRecord {
  box: string;
  /** As its member signed it. */
  request: string;
  note?: string;
  askedAt: number;
  since?: number;
  ended?: { at: number; by: 'owner' | 'member' | 'provider' };
  installed: MemberLink['installed'];
  /** When something was offered over it, within the last week. */
  offeredAt: number[];
}

/** Keyed by `{box}!{app}`. */
export interface OfferRecord {
  link: string;
  member: string;
  version: string;
  releases: OfferedRelease[];
  message?: string;
  at: number;
  until: number;
  declinedAt?: number;
}

export const linkSublevels = (db: Database) => ({
  linkBoxes: sublevel<LinkBoxRecord>(db, 'linkboxes'),
  linkCodes: sublevel<LinkCodeRecord>(db, 'linkcodes'),
  links: sublevel<LinkRecord>(db, 'links'),
  /** `{box}!{link}` to its member. */
  linkPlaces: sublevel<string>(db, 'linkplaces'),
  offers: sublevel<OfferRecord>(db, 'offers'),
});

export type LinkStore = Readonly<ReturnType<typeof linkSublevels>>;
