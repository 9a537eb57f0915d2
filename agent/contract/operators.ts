/** Who may work in the operator's console and API, and what each of them did. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';
import { LedgerEntry, LedgerHead } from './ledger.js';

export const Role = Type.Union([Type.Literal('viewer'), Type.Literal('operator'), Type.Literal('admin')], {
  $id: 'Role',
  description: 'viewer: reads; operator: acts on boxes as well; admin: operators, settings and the audit log as well',
});
export type Role = Static<typeof Role>;

export const OperatorName = Type.String({
  pattern: '^[a-z][a-z0-9._-]{0,31}$',
  description: 'lower case, such as jo or on-call.2',
});

/** The one that every territory begins with: its secret lies in the territory's directory, its role is for ever. */
export const firstAdmin = 'admin';

export const Operator = Type.Object(
  {
    name: OperatorName,
    role: Role,
    builtIn: Type.Boolean({ description: 'the first admin, which can be given a new secret and nothing else' }),
    createdAt: Type.Union([Time, Type.Null()]),
    /** When it last got a secret. */
    secretAt: Type.Union([Time, Type.Null()]),
  },
  { $id: 'Operator' },
);
export type Operator = Static<typeof Operator>;

export const NewOperator = Type.Object(
  { name: OperatorName, role: Role },
  { $id: 'NewOperator', additionalProperties: false },
);
export type NewOperator = Static<typeof NewOperator>;

export const NewRole = Type.Object({ role: Role }, { $id: 'NewRole', additionalProperties: false });

/** The only time that the secret is seen: what is stored is its hash. */
export const CreatedOperator = Type.Object(
  { ...Operator.properties, secret: Type.String() },
  { $id: 'CreatedOperator' },
);
export type CreatedOperator = Static<typeof CreatedOperator>;

/** As whom this request came. */
export const SignedIn = Type.Object({ name: OperatorName, role: Role }, { $id: 'SignedIn' });
export type SignedIn = Static<typeof SignedIn>;

/**
 * The audit log is a ledger (contract/ledger.ts). An act is written before it happens: `type` is what was asked for, such
 * as `box.revoke`, and `facts` hold `who`, `role`, `via` (console, api, command) and on what. Its end is an entry of the type
 * `outcome`, with `of`, the index of the act, and `code`: `ok`, a problem's, or `interrupted` when the program ended first.
 * An act that was refused before it began is one entry, with `code`.
 */
export const AuditPage = Type.Object(
  {
    entries: Type.Array(LedgerEntry, { description: 'newest first' }),
    head: Type.Union([LedgerHead, Type.Null()]),
  },
  { $id: 'AuditPage' },
);
export type AuditPage = Static<typeof AuditPage>;

export const outcomeType = 'outcome';
