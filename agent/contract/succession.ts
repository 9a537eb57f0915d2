/**
 * An app passes to another member: a territory's own word that releases of these apps come from its successor now, where
 * the member before was expelled or gives them up.
 *
 * A compact JWS (ES256) of the type below by a member-signing key of the territory, whose payload is a `Succession`. A
 * box follows it only for an app that is bound to a key which it names, and only with its owner's yes. A decision that
 * turns another back is a succession of its own, with a higher serial: of two, the higher one counts.
 */
import { type Static, Type } from 'typebox';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { ReleasedAppId } from './manifest.js';
import { MemberId } from './member.js';

export const successionType = 'webizen-succession+jws';
export const largestSuccession = 32 * 1024;

const Words = (maxLength: number) => Type.String({ minLength: 1, maxLength });

export const Succession = Type.Object(
  {
    territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    /** Grows with each succession of the territory. */
    serial: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    at: Time,
    apps: Type.Array(ReleasedAppId, { minItems: 1, maxItems: 100, uniqueItems: true }),
    from: Type.Object(
      {
        member: MemberId,
        name: Words(200),
        /** All that it ever signed with, oldest first. `kid` is the thumbprint that its releases name. */
        keys: Type.Array(PublicJwk, { minItems: 1, maxItems: 64 }),
        /** Expelled: since then, for this reason. Retiring: it gives the apps up. */
        left: Type.Union([Type.Literal('expelled'), Type.Literal('retiring')]),
        since: Time,
        because: Type.Optional(Words(1000)),
      },
      { additionalProperties: true },
    ),
    to: Type.Object({ member: MemberId, name: Words(200), jwk: PublicJwk }, { additionalProperties: true }),
    /** Why it passes to this one, who decided so, and how to have that reviewed. */
    reason: Words(1000),
    decidedBy: Words(200),
    review: Words(1000),
  },
  { $id: 'Succession', additionalProperties: true },
);
export type Succession = Static<typeof Succession>;

/** Who is told gets the last ones, if there are more. */
export const mostSuccessions = 16;
/** In a release's header as `succession`, and below: of one app, oldest first. */
export const Successions = Type.Array(Type.String({ maxLength: largestSuccession }), {
  minItems: 1,
  maxItems: mostSuccessions,
});

/** What a territory says of an app that has passed to another, with the newest credential of whom it belongs to now. */
export const AppSuccessions = Type.Object(
  { statements: Successions, credential: Type.String({ maxLength: 16 * 1024 }) },
  { $id: 'AppSuccessions' },
);
export type AppSuccessions = Static<typeof AppSuccessions>;

/** On the territory's EST origin, open to everybody; 404 `succession-unknown` for an app that never passed. */
export const successionPath = (app: string): string => `/v1/members/successions/${app}`;
