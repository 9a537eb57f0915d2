/**
 * Agreements: what an owner agreed to for one app, signed by the owner's key and kept by box, provider and maker.
 *
 *   POST /v1/agreements/box        box: AgreementsTold; AgreementsTaken
 *   GET  /v1/agreements?cursor=    member: MemberAgreements
 *
 * The box tells each agreement, and what became of it, until the provider answers that it is stored. A lost reply is
 * mended by telling it again: what is stored never changes but by being followed by its end.
 *
 * The signed agreement names the box, and goes to the provider alone. Its maker is told everything else of it: two makers
 * cannot find out that they have the same customer.
 */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Time } from './health.js';
import { ReleasedAppId, Version } from './manifest.js';
import { MemberId } from './member.js';
import { AgreedPlan, Audience, PlanId } from './plans.js';
import { ReleaseId } from './release.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const agreementsPath = '/v1/agreements';
export const agreementType = 'webizen-agreement+jws';
export const agreementEndType = 'webizen-agreement-end+jws';
/** In one message. */
export const mostTold = 20;
/** A plan with names in thirty languages. */
export const longestAgreement = 24 * 1024;

export const AgreementId = Type.String({ pattern: '^agreement-[0-9a-z]{20}$' });
export const Language = Type.String({ pattern: '^[A-Za-z0-9-]{2,35}$' });

/** How the owner's class is known. A credential may say it too, where a plan asks for one: a further literal. */
export const StatedClass = Type.Object({ is: Audience, by: Type.Literal('stated') }, closed);

const agreed = {
  id: AgreementId,
  app: ReleasedAppId,
  release: ReleaseId,
  version: Version,
  member: MemberId,
  /** Of the member. */
  territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
  plan: AgreedPlan,
  /** Of the plan (plan-digest.ts). */
  digest: Hash,
  /** In which the text was read. */
  language: Language,
  class: StatedClass,
  /** The agreement in whose place it comes. */
  replaces: NullOr(AgreementId),
  at: Time,
};

/** Payload of a compact JWS (RFC 7515, ES256) by the owner's key, which stands in the header as `jwk`. */
export const Agreement = Type.Object({ ...agreed, box: BoxId }, { $id: 'Agreement', ...closed });
export type Agreement = Static<typeof Agreement>;

/** left: by the owner; removed: with the app; replaced: by a newer agreement; notice: its notice was over. */
export const EndReason = Type.Union([
  Type.Literal('left'),
  Type.Literal('removed'),
  Type.Literal('replaced'),
  Type.Literal('notice'),
  Type.Literal('unused'),
]);
export type EndReason = Static<typeof EndReason>;

/** Signed like the agreement, where the owner left. */
export const AgreementEnd = Type.Object({ id: AgreementId, at: Time }, { $id: 'AgreementEnd', ...closed });
export type AgreementEnd = Static<typeof AgreementEnd>;

const Ended = Type.Object({ at: Time, why: EndReason });
/** Terms have changed with this version; without a new agreement the present one ends then. */
export const ChangeNotice = Type.Object({ version: Version, release: ReleaseId, seenAt: Time, endsAt: Time });
export type ChangeNotice = Static<typeof ChangeNotice>;

const Jws = Type.String({ maxLength: longestAgreement * 2 });
export const ToldAgreement = Type.Object(
  {
    agreement: Jws,
    /** When the app was first installed under it: nothing is due before. */
    since: NullOr(Time),
    ended: NullOr(Type.Object({ ...Ended.properties, end: NullOr(Jws) }, closed)),
  },
  closed,
);
export type ToldAgreement = Static<typeof ToldAgreement>;

export const AgreementsTold = Type.Object(
  { agreements: Type.Array(ToldAgreement, { minItems: 1, maxItems: mostTold }) },
  { $id: 'AgreementsTold', ...closed },
);
export type AgreementsTold = Static<typeof AgreementsTold>;

/** In the order in which they were told; `refused` is null for what is on the disk. */
export const AgreementsTaken = Type.Object(
  {
    taken: Type.Array(Type.Object({ refused: NullOr(Type.Object({ code: Type.String(), detail: Type.String() })) }), {
      maxItems: mostTold,
    }),
  },
  { $id: 'AgreementsTaken', additionalProperties: true },
);
export type AgreementsTaken = Static<typeof AgreementsTaken>;

const seen = { since: NullOr(Time), ended: NullOr(Ended) };

/** As its maker sees it: not whose box, not by which key. */
export const MemberAgreement = Type.Object(
  { ...agreed, ...seen, /** Of the signed agreement, which the provider keeps. */ sha256: Hash },
  { $id: 'MemberAgreement' },
);
export type MemberAgreement = Static<typeof MemberAgreement>;
export const MemberAgreements = Type.Object(
  { agreements: Type.Array(MemberAgreement, { maxItems: 100 }), cursor: NullOr(Type.String()) },
  { $id: 'MemberAgreements' },
);
export type MemberAgreements = Static<typeof MemberAgreements>;

/** As the provider's operator sees it. */
export const ProviderAgreement = Type.Object(
  { ...MemberAgreement.properties, box: BoxId, receivedAt: Time },
  { $id: 'ProviderAgreement' },
);
export type ProviderAgreement = Static<typeof ProviderAgreement>;

/** As its owner sees it. */
export const OwnerAgreement = Type.Object(
  {
    ...agreed,
    ...seen,
    notice: NullOr(ChangeNotice),
    /** Whether the provider has stored it; `refused` says why it never will. */
    told: Type.Boolean(),
    refused: NullOr(Type.String()),
  },
  { $id: 'OwnerAgreement' },
);
export type OwnerAgreement = Static<typeof OwnerAgreement>;

/** The owner's yes to one plan, as it was shown. */
export const NewAgreement = Type.Object(
  {
    plan: PlanId,
    class: Audience,
    language: Language,
    digest: Hash,
  },
  { $id: 'NewAgreement', ...closed },
);
export type NewAgreement = Static<typeof NewAgreement>;
