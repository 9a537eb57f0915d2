/**
 * Messages between an app and the back end of its VAR, end to end.
 *
 * What travels is a JWE (RFC 7516, compact, ECDH-ES and A256GCM) around a JWS (RFC 7515, compact, ES256). Upwards the box
 * signs with its operational key, its chain in `x5c`, and encrypts to the key that the app's signed manifest names;
 * downwards the member signs with the key that the app is bound to, its rotations in the header, and encrypts to a key
 * that the box made for this app and names in each message that it signs. So who carries a message sees its size and its
 * time, and can alter nothing: app, box, name and both keys stand in what is signed.
 *
 * Around it lies a `Parcel`, for who carries it. It travels under `…/{up|down}/app/{app}/{name}` and stays with its sender
 * until the other side says `stored` under the same topic: a broker's PUBACK proves nothing. Of one app and name one
 * parcel is on its way at a time, which keeps their order.
 */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { ReleasedAppId, Version } from './manifest.js';
import { isProblemCode, type ProblemCode } from './problems.js';
import { ReleaseId } from './release.js';

/** The `typ` of the headers, and of what is inside. */
export const sealedType = 'webizen-message+jwe';
export const boxMessageType = 'webizen-box-message+jws';
export const memberMessageType = 'webizen-member-message+jws';

/** Of a body, before it is signed and encrypted. */
export const maxMessageBytes = 64 * 1024;
/** Of what travels: the body is three times in base64, with the box's chain beside it; under the broker's largest packet. */
export const maxSealedBytes = 240 * 1024;
/** A message that was not delivered so long after it was sent is given up, unless its sender said sooner. */
export const longestLifeSeconds = 7 * 86_400;
export const shortestLifeSeconds = 60;
/** Names that one app uses on one box. */
export const mostNames = 100;
/** The longest that a call waits for a message to come. */
export const longestWaitSeconds = 25;
export const mostInPage = 100;

/** What it is about; a segment of the topic. */
export const MessageName = Type.String({
  pattern: '^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$',
  description: 'what it is about: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, none of these three at an end',
});

/**
 * Upwards: 16 hex digits of a stream, random for each app and name on a box, and 16 of a number that counts from 1 without
 * holes in it; so who receives sees what is missing, and what came before. Downwards 32 random ones.
 */
export const MessageId = Type.String({ pattern: '^[0-9a-f]{32}$' });

const digits = 16;
export const streamIdOf = (stream: string, sequence: number): string =>
  `${stream}${sequence.toString(16).padStart(digits, '0')}`;
/** Of an id that a box gave. */
export function sequenceOf(id: string): { stream: string; sequence: number } {
  return { stream: id.slice(0, digits), sequence: Number.parseInt(id.slice(digits), 16) };
}

const ContentType = Type.String({ pattern: '^[\\x21-\\x7e][\\x20-\\x7e]{0,199}$' });
const Body = Type.String({
  pattern: '^[A-Za-z0-9_-]*$',
  maxLength: Math.ceil((maxMessageBytes * 4) / 3),
  description: 'base64url',
});
const content = {
  id: MessageId,
  app: ReleasedAppId,
  box: BoxId,
  name: MessageName,
  /** The key that it is encrypted to: who receives it cannot pass it on as meant for another. */
  to: PublicJwk.properties.kid,
  at: Time,
  expiresAt: Time,
  contentType: ContentType,
  body: Body,
};

/** What a box signs. `at`: when the app sent it, by the box's clock. */
export const BoxMessage = Type.Object(
  {
    ...content,
    territory: Type.String({ maxLength: 64 }),
    /** Of the release that sent it. */
    release: ReleaseId,
    version: Version,
    /** Whether the box knew the time at `at`; if not, it is the earliest that it can have been. */
    time: Type.Union([Type.Literal('authenticated'), Type.Literal('unknown')]),
    /** When it was signed; at this time the certificates count. */
    signedAt: Time,
    /** What answers are encrypted to. */
    reply: PublicJwk,
  },
  { $id: 'BoxMessage', additionalProperties: true },
);
export type BoxMessage = Static<typeof BoxMessage>;

/** What a member signs. */
export const MemberMessage = Type.Object({ ...content }, { $id: 'MemberMessage', additionalProperties: true });
export type MemberMessage = Static<typeof MemberMessage>;

/** Compact JWE. */
export const Sealed = Type.String({
  pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  maxLength: maxSealedBytes,
});

/** Payload below `{up|down}/app/{app}/{name}`. */
export const Parcel = Type.Union(
  [
    Type.Object({ kind: Type.Literal('message'), id: MessageId, expiresAt: Time, sealed: Sealed }),
    Type.Object(
      { kind: Type.Literal('stored'), id: MessageId },
      { description: 'the message with this id is on the disk, and may be forgotten' },
    ),
    Type.Object(
      { kind: Type.Literal('refused'), id: MessageId, code: Type.String({ maxLength: 64 }) },
      { description: 'it is not taken: never, or not now, as the code says' },
    ),
  ],
  { $id: 'Parcel' },
);
export type Parcel = Static<typeof Parcel>;

/** Refused now: kept, and tried again later. Every other refusal is for good, and the message is given up. */
const passing = new Set<string>([
  'grant-missing',
  'mailbox-full',
  'inbox-full',
  'disk-full',
  'unavailable',
  'internal',
]);
export const isPassingRefusal = (code: string): boolean => passing.has(code);
export const codeOfRefusal = (code: string): ProblemCode => (isProblemCode(code) ? code : 'message-refused');

// The standard API

export const NewMessage = Type.Object(
  {
    name: MessageName,
    body: Type.Optional(Type.Unknown({ description: 'any JSON' })),
    bodyBase64: Type.Optional(
      Type.String({
        maxLength: Math.ceil(maxMessageBytes / 3) * 4,
        pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
        description: 'bytes, in base64; instead of body',
      }),
    ),
    contentType: Type.Optional(ContentType),
    lifeSeconds: Type.Optional(
      Type.Integer({
        minimum: shortestLifeSeconds,
        maximum: longestLifeSeconds,
        description: 'not delivered so long after it was sent, it is given up',
      }),
    ),
  },
  { $id: 'NewMessage', additionalProperties: false },
);
export type NewMessage = Static<typeof NewMessage>;

const count = Type.Integer({ minimum: 0 });
export const MessageCounts = Type.Object(
  {
    outgoing: Type.Object({
      waiting: count,
      usedBytes: count,
      quotaBytes: count,
      dropped: Type.Record(Type.String(), count, {
        description: 'given up since the app was installed, by the code of the reason',
      }),
    }),
    incoming: Type.Object({
      waiting: count,
      usedBytes: count,
      quotaBytes: count,
      dropped: Type.Record(Type.String(), count, { description: 'not taken, or expired unread, by the code' }),
    }),
  },
  { $id: 'MessageCounts' },
);
export type MessageCounts = Static<typeof MessageCounts>;

export const QueuedMessage = Type.Object(
  { id: MessageId, name: MessageName, counts: MessageCounts },
  { $id: 'QueuedMessage' },
);
export type QueuedMessage = Static<typeof QueuedMessage>;

export const ReceivedMessage = Type.Object(
  {
    id: MessageId,
    name: MessageName,
    at: Type.Integer({ minimum: 0, description: 'when it was sent, by the clock of the sender' }),
    receivedAt: Time,
    expiresAt: Time,
    contentType: Type.String(),
    body: Type.Optional(Type.Unknown({ description: 'of a message whose content type is application/json' })),
    bodyBase64: Type.Optional(Type.String({ description: 'of any other' })),
  },
  { $id: 'ReceivedMessage' },
);
export type ReceivedMessage = Static<typeof ReceivedMessage>;

export const ReceivedMessages = Type.Object(
  {
    messages: Type.Array(ReceivedMessage, { description: 'oldest first; each stays until it is deleted' }),
    cursor: Type.Union([Type.String(), Type.Null()], {
      description: 'give it back for those that came later; null while there was none',
    }),
    counts: MessageCounts,
  },
  { $id: 'ReceivedMessages' },
);
export type ReceivedMessages = Static<typeof ReceivedMessages>;

// The member's side, at the provider, by credential and proof as at the catalogue

export const memberMessagesPath = '/v1/messages';

export const StoredParcel = Type.Object(
  {
    /** What it is called here: for the acknowledgement. */
    ref: Type.String({ pattern: '^[0-9]{16}$' }),
    app: ReleasedAppId,
    box: BoxId,
    name: MessageName,
    id: MessageId,
    /** When it came, by the provider's clock. */
    at: Time,
    expiresAt: Time,
    sealed: Sealed,
  },
  { $id: 'StoredParcel', additionalProperties: true },
);
export type StoredParcel = Static<typeof StoredParcel>;

/** `GET {memberMessagesPath}?app=…&after=…&waitSeconds=…` */
export const ParcelPage = Type.Object(
  {
    messages: Type.Array(StoredParcel, { description: 'oldest first; each stays until it is acknowledged' }),
    cursor: Type.Union([Type.String(), Type.Null()]),
    expired: Type.Integer({
      minimum: 0,
      description: 'of this app, given up here because nobody fetched them in time',
    }),
  },
  { $id: 'ParcelPage', additionalProperties: true },
);
export type ParcelPage = Static<typeof ParcelPage>;

/** `POST {memberMessagesPath}/acknowledge` */
export const ParcelAcks = Type.Object(
  { app: ReleasedAppId, refs: Type.Array(StoredParcel.properties.ref, { minItems: 1, maxItems: 500 }) },
  { $id: 'ParcelAcks', additionalProperties: false },
);
export type ParcelAcks = Static<typeof ParcelAcks>;

/** `POST {memberMessagesPath}` */
export const NewParcel = Type.Object(
  { app: ReleasedAppId, box: BoxId, name: MessageName, id: MessageId, expiresAt: Time, sealed: Sealed },
  { $id: 'NewParcel', additionalProperties: false },
);
export type NewParcel = Static<typeof NewParcel>;

/** What became of it: also `GET {memberMessagesPath}/{id}?app=…`. Waiting: for the box, which has it only then. */
export const ParcelState = Type.Object(
  {
    id: MessageId,
    state: Type.Union([
      Type.Literal('waiting'),
      Type.Literal('delivered'),
      Type.Literal('refused'),
      Type.Literal('expired'),
    ]),
    code: Type.Optional(Type.String({ description: 'why the box refused it' })),
  },
  { $id: 'ParcelState', additionalProperties: true },
);
export type ParcelState = Static<typeof ParcelState>;
