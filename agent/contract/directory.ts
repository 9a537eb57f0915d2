/**
 * The alliance's directory: which territories and makers it answers for. One compact JWS (RFC 7515, ES256) whose payload
 * is a `Directory`. Its header has the type below, names the signing key by `kid`, and carries in `rotation` every
 * change of keys since the first, so that a reader who slept through several can follow. Of two directories the one by
 * the later generation of keys wins, then the one with the higher sequence.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

export const directoryType = 'webizen-directory+jws';
/** Media type and address of the directory on a territory's EST origin. */
export const directoryMediaType = 'application/jose';
export const directoryPath = '/v1/directory';
/** The entity tag (RFC 9110 section 8.8.3) that a territory gives to the compact JWS. */
export const directoryTag = (jws: string): string => `"${createHash('sha256').update(jws).digest('hex')}"`;
export const largestDirectoryBytes = 5 * 1024 * 1024;

/** ISO 3166-1 alpha-2 or 3166-2. */
export const Jurisdiction = Type.String({
  pattern: '^[A-Z]{2}(-[A-Z0-9]{1,3})?$',
  description: 'ISO 3166-1 or 3166-2',
});

/** A P-256 public key as a JWK (RFC 7517, RFC 7638: `kid` is the thumbprint, SHA-256, base64url). */
export const PublicJwk = Type.Object(
  {
    kty: Type.Literal('EC'),
    crv: Type.Literal('P-256'),
    x: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    y: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    kid: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  },
  { $id: 'PublicJwk', additionalProperties: true },
);
export type PublicJwk = Static<typeof PublicJwk>;

/** What signs directories now, and the offline key that will. Counted from 1; a box pins one generation. */
export const DirectoryKeys = Type.Object(
  {
    generation: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    keys: Type.Tuple([PublicJwk, PublicJwk], { description: 'current, next' }),
  },
  { $id: 'DirectoryKeys', additionalProperties: true },
);
export type DirectoryKeys = Static<typeof DirectoryKeys>;

/**
 * The header's `rotation`, oldest first: each a compact JWS of `DirectoryKeys`, signed by the next key of the generation
 * before, which is the current one of the generation it announces. The current key cannot announce another: whoever
 * steals it signs directories until the next rotation, and no longer.
 */
export const Rotation = Type.Array(Type.String({ maxLength: 2048 }), { maxItems: 32 });
export const rotationType = 'webizen-directory-keys+jws';

const Der = Type.String({ maxLength: 8192, pattern: '^[A-Za-z0-9+/]+={0,2}$', description: 'DER in base64' });

/** Suspended: it takes no new boxes; those that it has keep working and their owners are told. */
export const TerritoryStanding = Type.Union([Type.Literal('accredited'), Type.Literal('suspended')]);
export type TerritoryStanding = Static<typeof TerritoryStanding>;

export const DirectoryTerritory = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    jurisdiction: Jurisdiction,
    law: Type.String({ minLength: 1, maxLength: 500, description: 'governing law' }),
    provider: Type.String({ minLength: 1, maxLength: 200, description: 'the legal person that runs it' }),
    est: Type.String({ pattern: '^https://', maxLength: 300 }),
    /** Its root; more than one while it moves to a new one. */
    ca: Type.Array(Der, { minItems: 1, maxItems: 4 }),
    /** Who signs credentials and status lists of its members, newest first. */
    memberKeys: Type.Optional(Type.Array(PublicJwk, { maxItems: 8 })),
    standing: TerritoryStanding,
    validFrom: Time,
    validUntil: Time,
    reason: Type.Optional(Type.String({ maxLength: 500, description: 'why it is suspended, for owners' })),
  },
  { $id: 'DirectoryTerritory', additionalProperties: true },
);
export type DirectoryTerritory = Static<typeof DirectoryTerritory>;

export const DirectoryMaker = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    /** Signs factory identities (IDevID) and vouchers. */
    ca: Der,
    standing: TerritoryStanding,
    validFrom: Time,
    validUntil: Time,
  },
  { $id: 'DirectoryMaker', additionalProperties: true },
);
export type DirectoryMaker = Static<typeof DirectoryMaker>;

export const Directory = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    issuedAt: Time,
    expiresAt: Time,
    territories: Type.Array(DirectoryTerritory, { maxItems: 2000 }),
    makers: Type.Array(DirectoryMaker, { maxItems: 2000 }),
    /** Where else this directory may be fetched from. */
    urls: Type.Optional(Type.Array(Type.String({ pattern: '^https://', maxLength: 300 }), { maxItems: 16 })),
  },
  { $id: 'Directory', additionalProperties: true },
);
export type Directory = Static<typeof Directory>;

/** Whether it is in good standing and its accreditation runs at that time (milliseconds since 1970). */
export const isAccredited = (entry: DirectoryTerritory | DirectoryMaker, at: number): boolean =>
  entry.standing === 'accredited' && entry.validFrom <= at && at < entry.validUntil;

export interface StandingChange {
  territory: string;
  name: string;
  from: TerritoryStanding | 'unlisted';
  to: TerritoryStanding | 'unlisted';
  reason?: string;
}

/** What owners of boxes in these territories are to be told. */
export function standingChanges(before: Directory, after: Directory): StandingChange[] {
  const ids = [...new Set([...before.territories, ...after.territories].map(({ id }) => id))];
  const old = new Map(before.territories.map((one) => [one.id, one]));
  const now = new Map(after.territories.map((one) => [one.id, one]));
  return ids.flatMap((territory): StandingChange[] => {
    const [was, is] = [old.get(territory), now.get(territory)];
    const from = was?.standing ?? 'unlisted';
    const to = is?.standing ?? 'unlisted';
    const { name, reason } = is ?? was ?? { name: territory, reason: undefined };
    return from === to ? [] : [{ territory, name, from, to, ...(is && reason ? { reason } : {}) }];
  });
}
