/**
 * Ids of apps are reverse-domain names. A member proves that a domain is theirs by a TXT record below it that names them
 * and their key; from then on the ids below it are kept for them: `example.com.au` is for `au.com.example.visits`.
 *
 *   POST /v1/catalogue/domains   member: DomainClaim; DomainProof, which says what to publish where it was not found
 *
 * The record states what its publisher wants and is no secret: whoever copies it elsewhere says the same of another
 * domain, and it is worth nothing to anybody but that member.
 */
import { type Static, Type } from 'typebox';
import { cataloguePath } from './catalogue.js';

export const domainsPath = `${cataloguePath}/domains`;

/** At least two labels, lower case, A-labels (RFC 5890) for others; short enough that an id below it fits. */
export const Domain = Type.String({
  pattern: '^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$',
  maxLength: 56,
  description: 'example.com.au',
});

export const DomainClaim = Type.Object({ domain: Domain }, { $id: 'DomainClaim', additionalProperties: false });
export type DomainClaim = Static<typeof DomainClaim>;

export const DomainProof = Type.Object(
  {
    domain: Domain,
    /** `au.com.example.*` */
    ids: Type.String(),
    /** What the record is called, and one of its strings. */
    name: Type.String(),
    value: Type.String(),
    /** Whether it was found, and the ids are the member's. */
    proved: Type.Boolean(),
  },
  { $id: 'DomainProof' },
);
export type DomainProof = Static<typeof DomainProof>;

export const idsBelow = (domain: string): string => `${domain.split('.').reverse().join('.')}.*`;
/** No host is called like this (RFC 8552): where names below a domain are given to strangers, this one is not. */
export const proofName = (domain: string): string => `_webizen-apps.${domain}`;
export const proofValue = (wish: { territory: string; member: string; kid: string }): string =>
  `webizen-member=${wish.territory}/${wish.member} key=${wish.kid}`;
