/**
 * Members of the alliance: who asks, what a territory certifies of them, and how they stand.
 *
 * All three are compact JWS with ES256. A credential is a W3C Verifiable Credential 2.0 secured as a JWT
 * (VC-JOSE-COSE section 3.1.1), bound to the member's key by `cnf` (RFC 7800); standing is a Bitstring Status List 1.0,
 * one list for each purpose. Times inside credentials are ISO 8601 in UTC, as the data model has them.
 */
import { type Static, Type } from 'typebox';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { SignedRegisterHead } from './register.js';

export const MemberClass = Type.Union(
  [Type.Literal('var'), Type.Literal('qsp'), Type.Literal('wcd'), Type.Literal('wec'), Type.Literal('wcp')],
  {
    description:
      'value added reseller, qualified service provider, content developer, ecosystem consultancy, civics producer',
  },
);
export type MemberClass = Static<typeof MemberClass>;

export const MemberId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{1,39}$' });
/** 1: identity checked; 2: code and practice reviewed; 3: audited. What each may ask for is the territory's table. */
export const VettingLevel = Type.Integer({ minimum: 1, maximum: 3 });

export const Standing = Type.Union([Type.Literal('good'), Type.Literal('suspended'), Type.Literal('expelled')]);
export type Standing = Static<typeof Standing>;

export const memberRequestType = 'webizen-member-request+jws';
/** Signed by the key that it names. */
export const MemberRequest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    class: MemberClass,
    contact: Type.Optional(Type.String({ maxLength: 300 })),
    jwk: PublicJwk,
    at: Time,
  },
  { $id: 'MemberRequest', additionalProperties: true },
);
export type MemberRequest = Static<typeof MemberRequest>;

export const credentialType = 'vc+jwt';
const Iso = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' });
const context = 'https://www.w3.org/ns/credentials/v2';
const Context = Type.Array(Type.String(), { minItems: 1, maxItems: 8 });
export const credentialContext: readonly string[] = [context];

export const StatusPurpose = Type.Union([Type.Literal('suspension'), Type.Literal('revocation')], {
  description: 'suspension can be lifted; revocation is expulsion',
});
export type StatusPurpose = Static<typeof StatusPurpose>;

/** `urn:webizen:territory:{id}` */
export const issuerOf = (territory: string): string => `urn:webizen:territory:${territory}`;
/** `urn:webizen:member:{territory}:{member}` */
export const subjectOf = (territory: string, member: string): string => `urn:webizen:member:${territory}:${member}`;

export const MemberCredential = Type.Object(
  {
    '@context': Context,
    id: Type.String({ maxLength: 200, description: 'urn:uuid:…' }),
    type: Type.Array(Type.String(), { description: 'VerifiableCredential, WebizenMemberCredential' }),
    issuer: Type.String({ maxLength: 200 }),
    validFrom: Iso,
    validUntil: Iso,
    credentialSubject: Type.Object(
      {
        id: Type.String({ maxLength: 200, description: 'urn:webizen:member:{territory}:{member}' }),
        member: MemberId,
        territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
        name: Type.String({ minLength: 1, maxLength: 200 }),
        class: MemberClass,
        vettingLevel: VettingLevel,
        charterVersion: Type.String({ maxLength: 40 }),
        since: Iso,
      },
      { additionalProperties: true },
    ),
    credentialStatus: Type.Array(
      Type.Object(
        {
          type: Type.Literal('BitstringStatusListEntry'),
          statusPurpose: StatusPurpose,
          statusListIndex: Type.String({ pattern: '^[0-9]{1,9}$' }),
          statusListCredential: Type.String({ pattern: '^https://', maxLength: 300 }),
        },
        { additionalProperties: true },
      ),
      { minItems: 2, maxItems: 2, description: 'one for each purpose' },
    ),
    cnf: Type.Object({ jwk: PublicJwk }),
  },
  { $id: 'MemberCredential', additionalProperties: true },
);
export type MemberCredential = Static<typeof MemberCredential>;

/** The specification's least length, so that nobody is told by the length how many members there are. */
export const statusListBits = 131_072;

export const StatusList = Type.Object(
  {
    '@context': Context,
    id: Type.String({ maxLength: 300 }),
    type: Type.Array(Type.String(), { description: 'VerifiableCredential, BitstringStatusListCredential' }),
    issuer: Type.String({ maxLength: 200 }),
    validFrom: Iso,
    validUntil: Iso,
    /** Ours: grows with each list of its purpose. One with a lower number than the last accepted is refused. */
    sequence: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    credentialSubject: Type.Object(
      {
        id: Type.String({ maxLength: 300 }),
        type: Type.Literal('BitstringStatusList'),
        statusPurpose: StatusPurpose,
        encodedList: Type.String({
          pattern: '^u[A-Za-z0-9_-]+$',
          maxLength: 200_000,
          description: 'multibase, base64url of gzip',
        }),
      },
      { additionalProperties: true },
    ),
  },
  { $id: 'StatusList', additionalProperties: true },
);
export type StatusList = Static<typeof StatusList>;

/** All as compact JWS: what a box fetches in one go, and what an archive carries along. */
export const StatusLists = Type.Object(
  {
    suspension: Type.String({ maxLength: 300_000 }),
    revocation: Type.String({ maxLength: 300_000 }),
    /** The head of the territory's register when they were made (register.ts). Providers before it send none. */
    register: Type.Optional(SignedRegisterHead),
  },
  { $id: 'StatusLists' },
);
export type StatusLists = Static<typeof StatusLists>;

/** On the territory's EST origin; each single list below it, by its purpose. Open to everybody. */
export const statusPath = '/v1/members/status';
export const memberKeysPath = '/v1/members/keys';
/** The newest credential of one member, `application/vc+jwt`: public, because it serves nobody without the key. */
export const memberCredentialPath = (member: string): string => `/v1/members/credentials/${member}`;
export const credentialMediaType = 'application/vc+jwt';
/** What `memberKeysPath` answers, and the profile names: who signs credentials and status lists, newest first. */
export const MemberKeys = Type.Array(PublicJwk, { minItems: 1, maxItems: 8 });

/**
 * Payload of `down/standing`: the provider has newer lists than these boxes may know. It proves nothing, it only makes a
 * box ask; boxes spread what they ask over so many seconds.
 */
export const StandingNews = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'of both lists' }),
    spreadSeconds: Type.Integer({ minimum: 0, maximum: 3600 }),
  },
  { $id: 'StandingNews', additionalProperties: true },
);
export type StandingNews = Static<typeof StandingNews>;

/**
 * How old the newest verified status list may be, in seconds: fresh until the first, then nothing new is installed; past
 * the second nothing is updated either. What runs is never stopped for it.
 */
export const staleAfterSeconds = 7 * 86_400;
export const oldAfterSeconds = 30 * 86_400;
