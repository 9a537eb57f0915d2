/**
 * The territory's public register: what was decided about its members, in a log that only grows.
 *
 * Its entries are those of the ledger of decisions (member-register.ts), in order. Over them stands the Merkle tree of
 * RFC 9162 section 2.1 (SHA-256; the octets of an entry are its canonical JSON without `hash` and `signature`), whose head
 * the territory signs with the key that it signs for its members with. Heads travel with status lists, so that whoever
 * sees two of them can ask for the proof that one continues the other.
 */
import { type Static, Type } from 'typebox';
import { PublicJwk } from './directory.js';
import { Time } from './health.js';
import { LedgerEntry } from './ledger.js';

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, hex' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const registerHeadType = 'webizen-register-head+jws';
export const RegisterHead = Type.Object(
  {
    territory: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$' }),
    /** How many decisions the register holds. */
    size: Count,
    root: Hash,
    at: Time,
  },
  { $id: 'RegisterHead', additionalProperties: true },
);
export type RegisterHead = Static<typeof RegisterHead>;

/** Compact JWS (ES256) of a `RegisterHead`. */
export const SignedRegisterHead = Type.String({ maxLength: 4000 });

/** On the territory's EST origin, open to everybody: `RegisterState`. What follows lies below it. */
export const registerPath = '/v1/register';
export const RegisterState = Type.Object(
  {
    head: SignedRegisterHead,
    keys: Type.Array(PublicJwk, { minItems: 1, maxItems: 1000, description: 'all that ever signed' }),
  },
  { $id: 'RegisterState', additionalProperties: true },
);
export type RegisterState = Static<typeof RegisterState>;

/** `?start=&end=`: from one up to, and not with, the other. */
export const registerEntriesPath = `${registerPath}/entries`;
export const mostRegisterEntries = 500;
export const RegisterEntries = Type.Object(
  { entries: Type.Array(LedgerEntry, { maxItems: mostRegisterEntries }) },
  { $id: 'RegisterEntries', additionalProperties: true },
);
export type RegisterEntries = Static<typeof RegisterEntries>;

/** `/inclusion?index=&size=` and `/consistency?from=&to=`: `RegisterProof`. */
export const registerInclusionPath = `${registerPath}/inclusion`;
export const registerConsistencyPath = `${registerPath}/consistency`;
export const RegisterProof = Type.Object(
  { proof: Type.Array(Hash, { maxItems: 128 }) },
  { $id: 'RegisterProof', additionalProperties: true },
);
export type RegisterProof = Static<typeof RegisterProof>;
