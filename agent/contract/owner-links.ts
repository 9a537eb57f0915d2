/** Companies that the owner's box is linked with, as the console's pages are drawn from them, and what the owner sends. */
import { type Static, Type } from 'typebox';
import { Capability } from './capabilities.js';
import { Time } from './health.js';
import { AppMember } from './installed.js';
import { LinkId, LinkNote, OfferMessage } from './links.js';
import { Manifest, ReleasedAppId, Version } from './manifest.js';
import { ReleaseId } from './release.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** What a company may do by itself: its own apps, these permissions, and so much of the box for all of its apps together. */
const Limits = {
  capabilities: Type.Array(Capability, { maxItems: 30, uniqueItems: true }),
  apps: Type.Integer({ minimum: 1, maximum: 50 }),
  storageMiB: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
  memoryMiB: Type.Integer({ minimum: 16, maximum: 100_000 }),
};

export const Manager = Type.Object({
  ...Limits,
  /** Names the owner's decision in the ledger. */
  appointment: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  appointedAt: Time,
  /** It ends by itself then; null: never. */
  until: NullOr(Time),
});
export type Manager = Static<typeof Manager>;

/** The word is “manager”, typed. With it the owner agrees that the company accepts its apps' terms in the owner's name. */
export const Appointment = Type.Object(
  { ...Limits, until: Type.Optional(Time), word: Type.String({ maxLength: 40 }) },
  { $id: 'Appointment', ...closed },
);
export type Appointment = Static<typeof Appointment>;
export const appointmentWord = 'manager';

const Who = { id: LinkId, member: AppMember, note: NullOr(LinkNote) };

export const LinkGlance = Type.Object({
  ...Who,
  since: Time,
  manager: NullOr(Manager),
});
export type LinkGlance = Static<typeof LinkGlance>;

export const OfferGlance = Type.Object({
  release: ReleaseId,
  app: ReleasedAppId,
  version: Version,
  name: Manifest.properties.name,
  /** The version that runs; null where it is a new app. */
  installed: NullOr(Version),
  link: LinkId,
  member: AppMember,
  message: NullOr(OfferMessage),
  at: Time,
  until: Time,
});
export type OfferGlance = Static<typeof OfferGlance>;

/** Something that a manager did by itself, of the last week, and that stands. */
export const ManagerAct = Type.Object({
  app: ReleasedAppId,
  name: Manifest.properties.name,
  version: Version,
  /** Of the company. */
  by: Type.String(),
  link: LinkId,
  at: Time,
});
export type ManagerAct = Static<typeof ManagerAct>;

export const LinksView = Type.Object({
  /** The code that is shown now. */
  code: NullOr(Type.Object({ code: Type.String(), expiresAt: Time })),
  /** Who asks with it. */
  ask: NullOr(Type.Object({ ...Who, at: Time })),
  links: Type.Array(LinkGlance),
  offers: Type.Array(OfferGlance),
  /** Newest first. */
  acts: Type.Array(ManagerAct),
  /** Whether the provider has heard of the last decision. */
  told: Type.Boolean(),
});
export type LinksView = Static<typeof LinksView>;
