/**
 * The catalogue on a territory's EST origin: what members publish and boxes fetch.
 *
 * Boxes come with their certificate (mutual TLS). Members come with their credential as a DPoP-bound token (RFC 9449):
 * `Authorization: DPoP {credential}` and `DPoP: {proof}`, a JWS of type `dpop+jwt` by the key in the credential's `cnf`.
 *
 *   HEAD  /v1/catalogue/blobs/{digest}       member: 200 when it is there; 404, with `Upload-Offset` bytes held so far
 *   PATCH /v1/catalogue/blobs/{digest}       member: octets from `Upload-Offset` on (application/octet-stream);
 *                                            `Upload-Length` is the whole; 204 with the `Upload-Offset` reached
 *   GET   /v1/catalogue/blobs/{digest}       box, or the member that holds it: octets; one Range (RFC 9110 section 14)
 *   POST  /v1/catalogue/releases             member: NewRelease; 201 CatalogueRelease, 200 when it was there already
 *   GET   /v1/catalogue/releases/{id}        box or its member: CatalogueRelease
 *   POST  /v1/catalogue/releases/{id}/withdraw  member: Withdrawal
 *   GET   /v1/catalogue/apps?query=&cursor=&architecture=
 *                                            box: CataloguePage: the newest release of each app that this box may see
 *   GET   /v1/catalogue/apps/{app}           box or its member: CatalogueApp: releases, newest first
 *
 * Rollouts and what boxes tell of their changes: see rollout.ts. A release under rollout is shown to the boxes that it has
 * reached, and to its member.
 *
 * A request arrives whole within ten seconds or is cut, so a large blob is sent as several PATCHes (`patchBytes` is a
 * good size). What came before a cut stays: HEAD says how much. The whole is hashed at the end; octets that are not the
 * ones that the digest names are discarded, and the answer says so. A page may hold few entries, or none, and still
 * have a cursor: a search looks through so many apps at a time.
 *
 * What a member may have of blobs: those that it uploaded, and those of public releases. Knowing a digest is not having
 * the octets. A release has one architecture; the same version may be published once for each.
 */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { ReleasedAppId, Version } from './manifest.js';
import { MemberId, StatusLists } from './member.js';
import { largestReleaseJws, ReleaseId } from './release.js';
import { ResultCounts, RolloutPlan, RolloutView } from './rollout.js';
import { AppSuccessions } from './succession.js';

export const cataloguePath = '/v1/catalogue';
export const dpopType = 'dpop+jwt';
/** RFC 9449 section 4.2. `ath`: base64url of SHA-256 of the credential's text. */
export const DpopProof = Type.Object(
  {
    jti: Type.String({ minLength: 16, maxLength: 100 }),
    htm: Type.String({ maxLength: 10 }),
    htu: Type.String({ maxLength: 2000 }),
    iat: Type.Integer({ description: 'seconds since 1970' }),
    ath: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  },
  { additionalProperties: true },
);
export type DpopProof = Static<typeof DpopProof>;
export const proofSeconds = 300;

/** A good size for one PATCH, in bytes. */
export const patchBytes = 4 * 1024 * 1024;

export const NewRelease = Type.Object(
  {
    release: Type.String({ maxLength: largestReleaseJws }),
    /** Only these boxes see it; it is listed nowhere. */
    boxes: Type.Optional(Type.Array(BoxId, { minItems: 1, maxItems: 10_000, uniqueItems: true })),
    /** Missing: for every box that sees it at once. */
    rollout: Type.Optional(RolloutPlan),
  },
  { $id: 'NewRelease', additionalProperties: false },
);
export type NewRelease = Static<typeof NewRelease>;

/** withdrawn: by its member; stopped: by the territory. Neither is installed any more, and neither comes back. */
export const ReleaseState = Type.Union([Type.Literal('published'), Type.Literal('withdrawn'), Type.Literal('stopped')]);
export type ReleaseState = Static<typeof ReleaseState>;

export const Withdrawal = Type.Object(
  { reason: Type.String({ minLength: 1, maxLength: 500 }) },
  { $id: 'Withdrawal', additionalProperties: false },
);
export type Withdrawal = Static<typeof Withdrawal>;

const Architecture = Type.Union([Type.Literal('amd64'), Type.Literal('arm64')], { description: 'as OCI names it' });

export const CatalogueRelease = Type.Object(
  {
    id: ReleaseId,
    app: ReleasedAppId,
    version: Version,
    member: MemberId,
    state: ReleaseState,
    reason: Type.Optional(Type.String()),
    publishedAt: Time,
    private: Type.Boolean(),
    /** Compact JWS: what a box verifies for itself, whatever stands beside it. */
    release: Type.String(),
    credential: Type.String(),
    status: StatusLists,
    /** Where the app has passed from one member to another. */
    succession: Type.Optional(AppSuccessions),
  },
  { $id: 'CatalogueRelease' },
);
export type CatalogueRelease = Static<typeof CatalogueRelease>;

/** For a list: nothing in it is to be believed before the release has been verified. */
export const CatalogueEntry = Type.Object(
  {
    app: ReleasedAppId,
    release: ReleaseId,
    version: Version,
    name: Type.String(),
    summary: Type.String(),
    member: Type.Object({ id: MemberId, name: Type.String() }),
    sizeBytes: Type.Integer({ minimum: 0 }),
    publishedAt: Time,
    private: Type.Boolean(),
    architecture: Type.Optional(Architecture),
    channel: Type.Optional(Type.String()),
  },
  { $id: 'CatalogueEntry' },
);
export type CatalogueEntry = Static<typeof CatalogueEntry>;

export const CataloguePage = Type.Object(
  { entries: Type.Array(CatalogueEntry, { maxItems: 100 }), cursor: Type.Union([Type.String(), Type.Null()]) },
  { $id: 'CataloguePage' },
);
export type CataloguePage = Static<typeof CataloguePage>;

export const CatalogueApp = Type.Object(
  {
    app: ReleasedAppId,
    owner: MemberId,
    /** Where it has passed from one member to another. */
    succession: Type.Optional(AppSuccessions),
    releases: Type.Array(
      Type.Object({
        id: ReleaseId,
        version: Version,
        state: ReleaseState,
        reason: Type.Optional(Type.String()),
        publishedAt: Time,
        private: Type.Boolean(),
        architecture: Type.Optional(Architecture),
        channel: Type.Optional(Type.String()),
        /** Both for its member alone. */
        rollout: Type.Optional(RolloutView),
        results: Type.Optional(ResultCounts),
      }),
    ),
  },
  { $id: 'CatalogueApp' },
);
export type CatalogueApp = Static<typeof CatalogueApp>;
