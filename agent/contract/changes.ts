/** Journaled work that alters the box, as consoles and APIs see it. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

export const StepState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('doing'),
  Type.Literal('done'),
  Type.Literal('undoing'),
  Type.Literal('undone'),
  Type.Literal('failed'),
]);
export type StepState = Static<typeof StepState>;

/** `stuck`: a newer version wrote a step that this one does not know; nothing is done or undone until it is known. */
export const ChangeState = Type.Union([
  Type.Literal('doing'),
  Type.Literal('done'),
  Type.Literal('undoing'),
  Type.Literal('undone'),
  Type.Literal('stuck'),
]);
export type ChangeState = Static<typeof ChangeState>;

export const Told = Type.Object({
  code: Type.String(),
  title: Type.String(),
  remedy: Type.String(),
  detail: Type.Optional(Type.String()),
});

export const Change = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    kind: Type.String({ pattern: '^[a-z][a-z-]{0,31}$', description: 'enrol, renew, transfer, reset …' }),
    state: ChangeState,
    startedAt: Time,
    endedAt: Type.Union([Time, Type.Null()]),
    deadlineAt: Type.Union([Time, Type.Null()]),
    steps: Type.Array(
      Type.Object({
        kind: Type.String({ pattern: '^[a-z][a-z-]{0,31}$' }),
        state: StepState,
        /** What it is doing or waiting for now: a stable word that the catalogue of texts has a sentence for. */
        note: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
      }),
      { maxItems: 100 },
    ),
    /** The last thing that went wrong; it may be tried again. Kept when the change was undone for it. */
    problem: Type.Union([Told, Type.Null()]),
  },
  { $id: 'Change' },
);
export type Change = Static<typeof Change>;
