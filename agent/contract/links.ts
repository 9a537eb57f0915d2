/**
 * Links between boxes and members, on a territory's EST origin: a member may offer its apps to the boxes that are linked
 * to it, and to no others.
 *
 * Boxes come with their certificate, members with their credential and a proof (see catalogue.ts).
 *
 *   POST   /v1/links/box               box: LinksStatement; LinksAnswer
 *   POST   /v1/links                   member: NewLink; 201 MemberLink, 200 when it had asked with this code before
 *   GET    /v1/links?cursor=           member: MemberLinks
 *   DELETE /v1/links/{id}              member: 204, also for what has ended before
 *   POST   /v1/links/offers            member: NewOffer; OfferResult
 *   DELETE /v1/links/offers/{release}  member: WithdrawnOffer; OfferResult
 *
 * The box says what is so, whole, each time: which code is open and which links its owner has confirmed. What it does not
 * name has ended. So a lost reply is mended by saying it again, and what was decided without a network is told later.
 * Statements are numbered: one that was overtaken by a later one changes nothing.
 *
 * A member learns the id of a link, which is of this link alone, and never the box's: two members cannot find out that
 * they have the same customer. Whether an owner has looked at an offer is not told either, nor who manages a box.
 */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';
import { ReleasedAppId, Version } from './manifest.js';
import { MemberId } from './member.js';
import { ReleaseId } from './release.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const linksPath = '/v1/links';
export const linkRequestType = 'webizen-link-request+jws';

/** A code is good for so long; what was asked with it waits for the owner a day longer. */
export const codeSeconds = 1800;
export const askSeconds = 86_400;
/** Of one box. */
export const mostLinks = 20;
/** Of one link: a newer offer of the same app takes the place of the older. */
export const mostOffers = 5;
/** New ones within a week. */
export const mostOffersWeekly = 10;
/** An app that the owner did not want is not offered again before. */
export const declinedSeconds = 7 * 86_400;
export const usualOfferDays = 30;

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
export const LinkId = Type.String({ pattern: '^link-[0-9a-z]{16}$' });
export const LinkNote = Type.String({ minLength: 1, maxLength: 80 });
export const OfferMessage = Type.String({ minLength: 1, maxLength: 280 });

/** Payload of a compact JWS of the type above, by the key in the member's credential. */
export const LinkRequest = Type.Object(
  {
    code: Sha256,
    proof: Sha256,
    territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    member: MemberId,
    /** The member's own word for this customer; its owner reads it too. */
    note: Type.Optional(LinkNote),
    at: Time,
  },
  { $id: 'LinkRequest', additionalProperties: true },
);
export type LinkRequest = Static<typeof LinkRequest>;

const Jws = Type.String({ maxLength: 4096 });
export const NewLink = Type.Object({ request: Jws }, { $id: 'NewLink', ...closed });
export type NewLink = Static<typeof NewLink>;

/** An app that the owner did not want, as it was offered. */
const Declined = Type.Object({ app: ReleasedAppId, version: Version }, closed);
export const LinksStatement = Type.Object(
  {
    /** Grows with each statement of this box. */
    sequence: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    code: NullOr(Type.Object({ hash: Sha256, seconds: Type.Integer({ minimum: 0, maximum: codeSeconds }) }, closed)),
    links: Type.Array(
      Type.Object(
        {
          id: LinkId,
          /** Of that member's own apps: what is installed. */
          installed: Type.Array(ReleaseId, { maxItems: 100 }),
          declined: Type.Array(Declined, { maxItems: 20 }),
        },
        closed,
      ),
      { maxItems: mostLinks },
    ),
  },
  { $id: 'LinksStatement', ...closed },
);
export type LinksStatement = Static<typeof LinksStatement>;

const Architecture = Type.Union([Type.Literal('amd64'), Type.Literal('arm64')], { description: 'as OCI names it' });
export const OfferedRelease = Type.Object({ release: ReleaseId, architecture: Architecture });
export type OfferedRelease = Static<typeof OfferedRelease>;

export const LinksAnswer = Type.Object(
  {
    /** The highest that was taken: with another than its own the box was overtaken, and says it anew above that. */
    sequence: Type.Integer({ minimum: 0 }),
    /** Who asks with the open code. Nothing in it is to be believed before the request has been verified. */
    ask: NullOr(Type.Object({ id: LinkId, request: Jws, credential: Type.String({ maxLength: 16_384 }), at: Time })),
    /** Of those that were named: what is no more, and who ended it. */
    ended: Type.Array(Type.Object({ id: LinkId, by: Type.Union([Type.Literal('member'), Type.Literal('provider')]) }), {
      maxItems: mostLinks,
    }),
    offers: Type.Array(
      Type.Object({
        link: LinkId,
        app: ReleasedAppId,
        version: Version,
        releases: Type.Array(OfferedRelease, { minItems: 1, maxItems: 2 }),
        message: Type.Optional(OfferMessage),
        at: Time,
        until: Time,
      }),
      { maxItems: mostLinks * mostOffers },
    ),
  },
  { $id: 'LinksAnswer', additionalProperties: true },
);
export type LinksAnswer = Static<typeof LinksAnswer>;

/** asked: waits for the owner. Those that have ended are told for a month. */
export const LinkState = Type.Union([Type.Literal('asked'), Type.Literal('linked'), Type.Literal('ended')]);
export type LinkState = Static<typeof LinkState>;
export const LinkEnder = Type.Union([Type.Literal('owner'), Type.Literal('member'), Type.Literal('provider')]);

/** A link as its member sees it. */
export const MemberLink = Type.Object(
  {
    id: LinkId,
    state: LinkState,
    note: Type.Optional(LinkNote),
    askedAt: Time,
    since: NullOr(Time),
    ended: NullOr(Type.Object({ at: Time, by: LinkEnder })),
    installed: Type.Array(Type.Object({ app: ReleasedAppId, version: Version, release: ReleaseId })),
    offers: Type.Array(
      Type.Object({
        app: ReleasedAppId,
        version: Version,
        state: Type.Union([Type.Literal('offered'), Type.Literal('declined'), Type.Literal('installed')]),
        at: Time,
        until: Time,
      }),
    ),
  },
  { $id: 'MemberLink' },
);
export type MemberLink = Static<typeof MemberLink>;

export const MemberLinks = Type.Object(
  { links: Type.Array(MemberLink, { maxItems: 100 }), cursor: NullOr(Type.String()) },
  { $id: 'MemberLinks' },
);
export type MemberLinks = Static<typeof MemberLinks>;

/** Which links: these, or all that the member has. */
const Whom = Type.Union([Type.Array(LinkId, { minItems: 1, maxItems: 1000, uniqueItems: true }), Type.Literal('all')]);
export const NewOffer = Type.Object(
  {
    /** The same version for the other architecture goes with it. */
    release: ReleaseId,
    links: Whom,
    message: Type.Optional(OfferMessage),
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 90 })),
  },
  { $id: 'NewOffer', ...closed },
);
export type NewOffer = Static<typeof NewOffer>;
export const WithdrawnOffer = Type.Object({ links: Whom }, { $id: 'WithdrawnOffer', ...closed });
export type WithdrawnOffer = Static<typeof WithdrawnOffer>;

export const OfferResult = Type.Object(
  {
    done: Type.Array(LinkId),
    refused: Type.Array(Type.Object({ link: LinkId, code: Type.String(), detail: Type.String() })),
  },
  { $id: 'OfferResult' },
);
export type OfferResult = Static<typeof OfferResult>;

/** Payload of `down/links`: something about links or offers may be new. It proves nothing, it only makes the box ask. */
export const LinksNews = Type.Object(
  { spreadSeconds: Type.Integer({ minimum: 0, maximum: 3600 }) },
  { $id: 'LinksNews', additionalProperties: true },
);
export type LinksNews = Static<typeof LinksNews>;
