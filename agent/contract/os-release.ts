/**
 * A release of the operating system: a statement by the publisher of the image about one bundle. A compact JWS (RFC 7515,
 * ES256) of the type below whose payload is an `OsRelease`; its header names the signing key by `kid` and carries in
 * `rotation` every change of keys since the first, as the alliance's directory does. A provider selects among releases and
 * says when; it can make none. Nothing in it runs out, so it is judged the same by a box that believes it is 1970. What is
 * installed is the bundle, which bears a signature of its own.
 *
 * What a territory's server offers to its boxes, on the origin of its EST server, over mutual TLS:
 *   POST /v1/os/selected           OsAsk: what this box is to run: OsSelection; 204 where it is to stay as it is
 *   GET  /v1/os/bundles/{sha256}   the bundle, whole, from an offset, or a part of it (Range)
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { DirectoryKeys } from './directory.js';
import { Time } from './health.js';
import { Version } from './manifest.js';

export const osReleaseType = 'webizen-os-release+jws';
export const osKeysType = 'webizen-os-keys+jws';
export const osPath = '/v1/os';
/** Bytes of the compact JWS. */
export const largestOsRelease = 64 * 1024;
/** Bytes of a bundle. */
export const largestBundle = 4 * 1024 ** 3;

/** What signs releases now, and the offline key that will. A box pins one generation in its image. */
export const OsKeys = Type.Object(DirectoryKeys.properties, { $id: 'OsKeys', additionalProperties: true });
export type OsKeys = Static<typeof OsKeys>;

/** RAUC's name of the kind of machine: `webizen-arm64`. */
export const Compatible = Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{0,63}$' });
export const Channel = Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', description: 'stable, beta …' });
export const BundleDigest = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, hex' });

/**
 * The end of a bundle of RAUC's format `verity`: a CMS signature over its manifest, and the length of that in eight octets.
 * The manifest holds the root of a tree of digests over all that comes before, so that by this end the bundle is known
 * where only parts of it are fetched.
 */
export const BundleSignature = Type.Object(
  {
    sha256: BundleDigest,
    size: Type.Integer({ minimum: 9, maximum: 65_536, description: 'bytes, with those of the length' }),
  },
  { additionalProperties: true },
);
export type BundleSignature = Static<typeof BundleSignature>;

/** Keyed by language (BCP 47), English always among them. */
const Notes = Type.Intersect([
  Type.Object({ en: Type.String({ minLength: 1, maxLength: 4000 }) }),
  Type.Record(Type.String({ pattern: '^[a-z]{2,3}(-[A-Z]{2})?$' }), Type.String({ minLength: 1, maxLength: 4000 }), {
    maxProperties: 40,
  }),
]);

export const OsRelease = Type.Object(
  {
    compatible: Compatible,
    version: Version,
    channel: Channel,
    releasedAt: Time,
    security: Type.Boolean({ description: 'it mends something that others could use against the box' }),
    bundle: Type.Object(
      {
        sha256: BundleDigest,
        size: Type.Integer({ minimum: 1, maximum: largestBundle, description: 'bytes' }),
        signature: Type.Optional(BundleSignature),
      },
      { additionalProperties: true },
    ),
    /** What runs must be at least this one: an older box takes another release first. */
    minimum: Version,
    notes: Notes,
  },
  { $id: 'OsRelease', additionalProperties: true },
);
export type OsRelease = Static<typeof OsRelease>;

/** SHA-256 of the payload, hex: a signature can be made again over the same release. */
export const osReleaseIdOf = (payload: Uint8Array): string => createHash('sha256').update(payload).digest('hex');

/** rolled-back: the new system was started, and the one before runs again. failed: it never ran. */
export const OsOutcome = Type.Object(
  {
    version: Version,
    from: Type.Union([Version, Type.Null()]),
    outcome: Type.Union([Type.Literal('done'), Type.Literal('rolled-back'), Type.Literal('failed')]),
    at: Time,
    /** Of the table of problems, where it was not done. */
    code: Type.Optional(Type.String({ maxLength: 64 })),
    detail: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { $id: 'OsOutcome', additionalProperties: true },
);
export type OsOutcome = Static<typeof OsOutcome>;

/** What a box says of itself when it asks, so that a release that fails on boxes goes no further. */
export const OsAsk = Type.Object(
  {
    compatible: Compatible,
    version: Type.Union([Version, Type.Null()], { description: 'what runs' }),
    last: Type.Union([OsOutcome, Type.Null()]),
  },
  { $id: 'OsAsk', additionalProperties: true },
);
export type OsAsk = Static<typeof OsAsk>;

export const OsSelection = Type.Object(
  {
    release: Type.String({ minLength: 1, maxLength: largestOsRelease, description: 'the publisher’s JWS' }),
    notBefore: Type.Union([Time, Type.Null()], { description: 'when the box may begin; null: now' }),
  },
  { $id: 'OsSelection', additionalProperties: true },
);
export type OsSelection = Static<typeof OsSelection>;
