/**
 * Events of a box: alarms and audit-worthy facts, numbered without holes in their epoch, each kept by the box until
 * `down/ack` covers it.
 */
import { type Static, Type } from 'typebox';
import { Severity } from './conditions.js';
import { Epoch, Range, Sequence, Time } from './health.js';

/** Among what a profile `reads`: batches of events under `up/event`, covered by `events` of `down/ack`. */
export const eventsForm = 'events-1';

export const mostEvents = 50;
export const mostLostEvents = 50;
export const mostFacts = 12;
export const longestFact = 200;
/** Of a batch; a provider takes no larger one. */
export const mostEventBytes = 16 * 1024;

/** Flat and small: what an auditor asks for, no secrets, nothing of what the owner does elsewhere. */
export const EventFacts = Type.Record(
  Type.String({ pattern: '^[a-z][A-Za-z0-9]{0,30}$' }),
  Type.Union([Type.String({ maxLength: longestFact }), Type.Number(), Type.Boolean()]),
  { maxProperties: mostFacts },
);
export type EventFacts = Static<typeof EventFacts>;

export const BoxEvent = Type.Object(
  {
    seq: Sequence,
    at: Time,
    clock: Type.Optional(
      Type.Literal('unknown', { description: 'the box did not know the time: it was no earlier than `at`' }),
    ),
    type: Type.String({
      pattern: '^[a-z][a-z0-9-]{0,39}$',
      description: 'as agent/contract/event-table.ts lists them; later versions know more',
    }),
    severity: Severity,
    count: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'it happened so often, the last time at `until`, with the facts of that time',
      }),
    ),
    until: Type.Optional(Time),
    facts: EventFacts,
  },
  { $id: 'BoxEvent', additionalProperties: false },
);
export type BoxEvent = Static<typeof BoxEvent>;

/** Payload of `up/event`. Ascending by `seq`. */
export const EventBatch = Type.Object(
  {
    epoch: Epoch,
    events: Type.Array(BoxEvent, { maxItems: mostEvents }),
    lost: Type.Optional(
      Type.Array(Range, {
        maxItems: mostLostEvents,
        description: 'sequences that the box has given up for want of room, or that its owner keeps back',
      }),
    ),
  },
  { $id: 'EventBatch', additionalProperties: false },
);
export type EventBatch = Static<typeof EventBatch>;

/** `key: value` for people to read; empty where there are none. */
export const factsText = (facts: EventFacts): string =>
  Object.entries(facts)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ');
