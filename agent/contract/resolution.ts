/**
 * What officers of a territory decide about a member, and sign: a resolution stands in the register of decisions with the
 * signatures of so many of them as their panel needs.
 *
 * What is signed is the canonical JSON (RFC 8785) of a `Resolution`, as a compact JWS with detached payload (RFC 7515
 * appendix F, ES256), by each officer with a key of their own. A territory without a panel decides by its operators.
 */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

/** Decides, and reviews what was decided: two bodies. */
export const PanelName = Type.Union([Type.Literal('standing'), Type.Literal('review')]);
export type PanelName = Static<typeof PanelName>;

const Coordinate = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
export const Officer = Type.Object(
  {
    /** The office rather than the person: it is public for ever. */
    name: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' }),
    x: Coordinate,
    y: Coordinate,
  },
  { additionalProperties: false },
);
export type Officer = Static<typeof Officer>;

export const Panel = Type.Object(
  {
    /** How many of them have to sign. */
    quorum: Type.Integer({ minimum: 1, maximum: 7 }),
    officers: Type.Array(Officer, { minItems: 1, maxItems: 7 }),
  },
  { $id: 'Panel', additionalProperties: false },
);
export type Panel = Static<typeof Panel>;

export const ResolutionAct = Type.Union([
  Type.Literal('member.suspended'),
  Type.Literal('member.reinstated'),
  Type.Literal('member.expelled'),
  Type.Literal('member.succeeded'),
  Type.Literal('panel.set'),
  Type.Literal('case.dismissed'),
  Type.Literal('case.condition'),
  Type.Literal('case.upheld'),
  Type.Literal('case.overturned'),
]);
export type ResolutionAct = Static<typeof ResolutionAct>;

export const resolutionFormat = 'webizen-resolution-1';
export const Resolution = Type.Object(
  {
    format: Type.Literal(resolutionFormat),
    territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    /** Random: a resolution serves once. */
    id: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    panel: PanelName,
    act: ResolutionAct,
    at: Time,
    /** As they will stand in the register: `member`, `reason`, `decidedBy`, `review`; `successor` and `apps`; `of` and `document`; `case`, `reviewDays` and `condition`. */
    facts: Type.Record(Type.String({ pattern: '^[a-zA-Z]{1,20}$' }), Type.String({ maxLength: 1500 })),
  },
  { $id: 'Resolution', additionalProperties: false },
);
export type Resolution = Static<typeof Resolution>;

/** Of its text: it stands in one fact of the register. */
export const longestResolution = 2000;
export const SignedResolution = Type.Object(
  {
    resolution: Type.String({ maxLength: longestResolution, description: 'canonical JSON' }),
    signatures: Type.Array(Type.String({ maxLength: 400 }), { maxItems: 14 }),
  },
  { $id: 'SignedResolution', additionalProperties: false },
);
export type SignedResolution = Static<typeof SignedResolution>;

/** How long after it was drawn up it can be carried out, in seconds. */
export const resolutionSeconds = 90 * 86_400;

/** For so many days at most operators suspend by themselves, until a panel has met. */
export const mostInterimDays = 30;
