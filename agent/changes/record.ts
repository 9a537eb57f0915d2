/** A change as it stands in the store, and as it is shown. A release's records are read by the one before it. */
import { type Static, Type } from 'typebox';
import { type Change, StepState, Told } from '#contract/changes.js';
import { Time } from '#contract/health.js';

const Facts = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]));
/** Flat, so that it can be read by another release. Never a secret: the journal is kept after the change has ended. */
export type Facts = Static<typeof Facts>;

export const ChangeRecord = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    kind: Type.String(),
    group: Type.Union([Type.String(), Type.Null()]),
    /** Which way it goes: a change that was aborted, or could not be done, is undone to its first step. */
    way: Type.Union([Type.Literal('do'), Type.Literal('undo')]),
    startedAt: Time,
    endedAt: Type.Union([Time, Type.Null()]),
    deadlineAt: Type.Union([Time, Type.Null()]),
    steps: Type.Array(
      Type.Object({
        kind: Type.String(),
        parameters: Facts,
        state: StepState,
        note: Type.Union([Type.String(), Type.Null()]),
      }),
    ),
    data: Facts,
    problem: Type.Union([Told, Type.Null()]),
  },
  { additionalProperties: true },
);
export type ChangeRecord = Static<typeof ChangeRecord>;
export type StepRecord = ChangeRecord['steps'][number];

/** The step that is next in the record's way; undefined when there is none left. */
export function nextStep({ way, steps }: ChangeRecord): number | undefined {
  const index =
    way === 'do'
      ? steps.findIndex(({ state }) => state !== 'done')
      : steps.findLastIndex(({ state }) => state !== 'waiting' && state !== 'undone');
  return index < 0 ? undefined : index;
}

export function shown(record: ChangeRecord, stuck: boolean): Change {
  const { id, kind, startedAt, endedAt, deadlineAt, problem, way } = record;
  const state =
    endedAt !== null ? (way === 'do' ? 'done' : 'undone') : stuck ? 'stuck' : way === 'do' ? 'doing' : 'undoing';
  const steps = record.steps.map(({ kind, state, note }) => ({ kind, state, note }));
  return { id, kind, state, startedAt, endedAt, deadlineAt, steps, problem };
}
