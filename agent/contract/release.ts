/**
 * A release: manifest and image under one signature by the member's key. A compact JWS (RFC 7515, ES256) of the type
 * below whose payload is a `Release`; `kid` is the key's thumbprint. What names a release everywhere is the SHA-256 of
 * the payload, in hex: an ECDSA signature can be altered and still verify.
 *
 * A `.wza` archive is a plain tar of an OCI image layout (image-spec 1.1) and a few files of ours, in this order:
 * `webizen/release.jws`, `webizen/credential.jwt`, `webizen/status.json` (StatusLists, where they were stapled),
 * `oci-layout`, `index.json`, `blobs/sha256/{hex}`. Blobs that a box has already, such as the shared base layer, may be
 * left out. Nothing else may stand in it, and each byte is determined by what is archived: plain ustar (POSIX.1-1988) of
 * regular files without owner or time, blobs in the order of the release, two zero blocks at the end and nothing behind.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { Manifest } from './manifest.js';
import { MemberId } from './member.js';

export const releaseType = 'webizen-release+jws';
export const archiveMediaType = 'application/vnd.webizen.app+tar';

export const BlobDigest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
export const Descriptor = Type.Object(
  {
    mediaType: Type.String({ maxLength: 200 }),
    digest: BlobDigest,
    size: Type.Integer({ minimum: 1, maximum: 8 * 1024 ** 3, description: 'bytes' }),
  },
  { additionalProperties: false },
);
export type Descriptor = Static<typeof Descriptor>;

/** Of a release: 64 hex digits. */
export const ReleaseId = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const Release = Type.Object(
  {
    manifest: Manifest,
    member: MemberId,
    territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'that vouches for the member' }),
    architecture: Type.Union([Type.Literal('amd64'), Type.Literal('arm64')], { description: 'as OCI names it' }),
    /** The OCI image manifest. */
    image: Descriptor,
    /** All that belongs to the image: its manifest first, then its configuration, then its layers in order. */
    blobs: Type.Array(Descriptor, { minItems: 3, maxItems: 130 }),
    createdAt: Time,
  },
  { $id: 'Release', additionalProperties: true },
);
export type Release = Static<typeof Release>;

export const releaseIdOf = (payload: Uint8Array): string => createHash('sha256').update(payload).digest('hex');

/** In a release's header as `rotation`, oldest first: each signed by the key before, so that a box follows a change of keys. */
export const keyRotationType = 'webizen-member-key+jws';
export const KeyRotation = Type.Object({ member: MemberId, jwk: PublicJwk, at: Time }, { additionalProperties: true });
export type KeyRotation = Static<typeof KeyRotation>;

/** Oldest first, each a compact JWS of a `KeyRotation`. A header may have a `succession` too, see succession.ts. */
export const KeyRotations = Type.Array(Type.String({ maxLength: 2048 }), { maxItems: 32 });

/** Of image-spec 1.1: what an image of ours is made of. */
export const imageManifestType = 'application/vnd.oci.image.manifest.v1+json';
export const imageConfigType = 'application/vnd.oci.image.config.v1+json';
export const imageLayerTypes: readonly string[] = [
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar',
];

/** Bytes. */
export const largestArchive = 2 * 1024 ** 3;
export const largestReleaseJws = 256 * 1024;
export const largestCredential = 64 * 1024;
/** Of the image's manifest, and of its configuration. */
export const largestImageJson = 1024 * 1024;
/** Of all layers unpacked. A layer may also be at most so many times its packed size, past what any may have. */
export const largestUnpacked = 6 * 1024 ** 3;
export const largestRatio = 100;
export const freelyUnpacked = 32 * 1024 ** 2;
/** In all layers of an image. */
export const mostLayerEntries = 300_000;
