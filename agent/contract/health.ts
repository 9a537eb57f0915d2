/** Health samples, the batch that carries them, and the acknowledgement that lets a box forget them. */
import { type Static, Type } from 'typebox';
import { metricNamePattern } from './metrics.js';

/** Random, made with each new or restored store: a reset box's samples must not be taken for duplicates. */
export const Epoch = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'random with each new store' });
/** Counts from 1 within an epoch, without holes. */
export const Sequence = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
/** Both ends included. */
export const Range = Type.Tuple([Sequence, Sequence], { description: 'first and last sequence, both included' });
export type Range = Static<typeof Range>;

/** Milliseconds since 1970 by the clock of the sender. */
export const Time = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 });

export const Sample = Type.Object(
  {
    seq: Sequence,
    at: Time,
    values: Type.Record(Type.String({ pattern: metricNamePattern }), Type.Number(), {
      maxProperties: 256,
      description: 'metric name to value; names and units as OpenTelemetry has them',
    }),
  },
  { $id: 'Sample', additionalProperties: false },
);
export type Sample = Static<typeof Sample>;

/**
 * Why a box has given samples up. `thinned`: they were old and many, some of each hour are kept; `budget`: older still,
 * and there was no room; `dead-letter`: they were refused; `cut`: the power went, or the machine stopped, before they
 * were on the disk, at most so many; `withheld`: the owner does not want them to be told.
 */
export const LostReason = Type.Union([
  Type.Literal('thinned'),
  Type.Literal('budget'),
  Type.Literal('dead-letter'),
  Type.Literal('cut'),
  Type.Literal('withheld'),
]);
export type LostReason = Static<typeof LostReason>;

/** The reason only where the provider's profile says that it reads it. */
export const LostRange = Type.Union([Range, Type.Tuple([Sequence, Sequence, LostReason])]);
export type LostRange = Static<typeof LostRange>;

/** How many of each a batch carries. */
export const mostSamples = 500;
export const mostLost = 100;

/** Payload of `up/health`, as JSON or as `health-codec.ts` has it. Ascending by `seq`. */
export const HealthBatch = Type.Object(
  {
    epoch: Epoch,
    samples: Type.Array(Sample, { maxItems: mostSamples }),
    lost: Type.Optional(
      Type.Array(LostRange, {
        maxItems: mostLost,
        description: 'sequences that the box no longer has and will not send, and why',
      }),
    ),
  },
  { $id: 'HealthBatch', additionalProperties: false },
);
export type HealthBatch = Static<typeof HealthBatch>;

/** Payload of `down/ack`. A broker's PUBACK proves nothing about storage; this does. */
export const Ack = Type.Object(
  {
    epoch: Epoch,
    contiguous: Type.Integer({
      minimum: 0,
      description: 'every sequence up to this one is durably stored or known lost',
    }),
    missing: Type.Array(Range, { maxItems: 100, description: 'asked for again: send them, or declare them lost' }),
    refused: Type.Optional(
      Type.Array(
        Type.Object({
          digest: Type.String({ pattern: '^[0-9a-f]{16}$', description: 'first 8 bytes of SHA-256 of the payload' }),
          code: Type.String(),
          detail: Type.Optional(Type.String()),
        }),
        { maxItems: 20, description: 'payloads that will never be taken: keep them aside, do not send them again' },
      ),
    ),
    events: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'every event up to this one is durably stored or known lost; only where events came',
      }),
    ),
  },
  { $id: 'Ack', additionalProperties: true },
);
export type Ack = Static<typeof Ack>;
