/**
 * The alliance's directory: which territories and makers it answers for. One JWS (RFC 7515, compact, ES256) whose
 * payload is a `Directory`; its header names the key by `kid` and has the type below. Higher sequence wins; a lower one
 * is refused.
 */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

export const directoryType = 'webizen-directory+jws';

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
    /**
     * Keys that sign from now on, each a compact JWS of a `PublicJwk` by a key that the reader holds already: current
     * first, then the offline next one.
     */
    rotation: Type.Optional(Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 4 })),
  },
  { $id: 'Directory', additionalProperties: true },
);
export type Directory = Static<typeof Directory>;
