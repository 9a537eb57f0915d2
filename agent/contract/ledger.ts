/**
 * The ledger: what the owner and others decided, append-only and hash-chained, so that an export can be verified
 * anywhere. `hash` is SHA-256 (hex) over the canonical JSON (RFC 8785) of the entry without `hash` and `signature`;
 * `signature` is a compact JWS with detached payload (RFC 7515 appendix F) over that same canonical JSON by the owner's
 * key, where the entry is the owner's own decision.
 */
import { type Static, Type } from 'typebox';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';

const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const LedgerBy = Type.Union([
  Type.Literal('owner'),
  Type.Literal('provider'),
  Type.Literal('box'),
  Type.Literal('stranger'),
]);

export const LedgerEntry = Type.Object(
  {
    index: Type.Integer({ minimum: 0 }),
    /** The ledger's own id, random, made with it: hand-over starts a new one. */
    ledger: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    at: Time,
    by: LedgerBy,
    /** `owner.set`, `owner.key`, `election`, `enrolled`, `renewed`, `transfer`, `sign-in`, `sign-in-failed`, `command`, `reset` … */
    type: Type.String({ pattern: '^[a-z][a-z0-9.-]{0,63}$' }),
    /** Facts, flat: the words are made where it is read. With `clock` = `not-set` it happened no earlier than `at`. */
    facts: Type.Record(Type.String(), Type.Union([Type.String({ maxLength: 2000 }), Type.Number(), Type.Boolean()])),
    previous: Type.Union([Sha256, Type.Null()]),
    hash: Sha256,
    signature: Type.Optional(Type.String({ maxLength: 2000 })),
  },
  { $id: 'LedgerEntry', additionalProperties: false },
);
export type LedgerEntry = Static<typeof LedgerEntry>;

/** How long the chain is and where it ends. */
export const LedgerHead = Type.Object(
  { ledger: Type.String({ pattern: '^[0-9a-f]{32}$' }), length: Type.Integer({ minimum: 0 }), hash: Sha256 },
  { $id: 'LedgerHead' },
);
export type LedgerHead = Static<typeof LedgerHead>;

/** What `webizen ledger verify` reads: one JSON document. */
export const LedgerExport = Type.Object(
  {
    format: Type.Literal('webizen-ledger-1'),
    ownerKeys: Type.Array(PublicJwk, { maxItems: 100 }),
    entries: Type.Array(LedgerEntry),
    /** Compact JWS by the provider over a head that it saw, where it gave one. */
    receipt: Type.Optional(Type.String({ maxLength: 8192 })),
  },
  { $id: 'LedgerExport', additionalProperties: true },
);
export type LedgerExport = Static<typeof LedgerExport>;
