/**
 * `POST /v1/leave` over mutual TLS: a box tells its provider that its owner takes it elsewhere. The provider can record
 * an objection, which comes back in the answer; it cannot prevent it.
 */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

export const LeavePhase = Type.Union(
  [Type.Literal('announced'), Type.Literal('completed'), Type.Literal('abandoned')],
  { description: 'completed ends the certificate; each may be sent again' },
);
export type LeavePhase = Static<typeof LeavePhase>;

export const LeaveReason = Type.Union([Type.Literal('transfer'), Type.Literal('reset'), Type.Literal('hand-over')]);
export type LeaveReason = Static<typeof LeaveReason>;

export const Leave = Type.Object(
  {
    phase: LeavePhase,
    reason: LeaveReason,
    to: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'the territory it goes to' })),
  },
  { $id: 'Leave', additionalProperties: false },
);
export type Leave = Static<typeof Leave>;

export const LeaveAnswer = Type.Object(
  {
    phase: LeavePhase,
    /** When this phase was first told. */
    at: Time,
    /** What the operator has to say against it, for the owner to read. */
    objection: Type.Union([Type.String(), Type.Null()]),
  },
  { $id: 'LeaveAnswer', additionalProperties: true },
);
export type LeaveAnswer = Static<typeof LeaveAnswer>;
