/**
 * What a territory asks of one box, and what the box answers.
 *
 * A command is a compact JWS (ES256) of the type below by the territory's operator key, published on
 * `down/command/{id}`. The keys that count are those of the profile, which the box fetches over https from a server that
 * leads to its root: a broker carries commands and can make none. Of one key, sequences ascend: what is not above the
 * highest that a box has taken is spent for ever, whatever the clock says. A box takes each once, answers on
 * `up/result/{id}`, and answers the same again when the same command comes again.
 */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { PublicJwk } from './directory.js';
import { Epoch, Sample, Time } from './health.js';

export const commandType = 'webizen-command+jws';
export const desiredType = 'webizen-desired+jws';
/** Bytes of a compact JWS of either type. */
export const largestCommand = 8 * 1024;

/** In the profile: who signs commands, the one that signs now first. */
export const CommandKeys = Type.Array(PublicJwk, { minItems: 1, maxItems: 8 });

export const CommandId = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'random' });

export const commandKinds = [
  'refresh',
  'live',
  'diagnostics',
  'rotate-key',
  'restart-agent',
  'reboot',
  'set-intervals',
  'update',
] as const;
export type CommandKind = (typeof commandKinds)[number];

/** How often the box measures itself, and how often it sends what it measured. */
export const Intervals = Type.Object(
  {
    sampleSeconds: Type.Integer({ minimum: 10, maximum: 3600 }),
    batchSeconds: Type.Integer({ minimum: 30, maximum: 3600 }),
  },
  { $id: 'Intervals', additionalProperties: false },
);
export type Intervals = Static<typeof Intervals>;

export const mostLiveSeconds = 300;
export const LiveWish = Type.Object(
  { seconds: Type.Integer({ minimum: 1, maximum: mostLiveSeconds, default: 60 }) },
  { additionalProperties: false },
);
export const UpdateWish = Type.Object(
  {
    what: Type.Union([Type.Literal('agent'), Type.Literal('os')]),
    version: Type.String({ minLength: 1, maxLength: 64 }),
  },
  { additionalProperties: false },
);
const Nothing = Type.Object({}, { additionalProperties: false });

/** What each kind says beside its name. */
export const commandParameters = {
  refresh: Nothing,
  live: LiveWish,
  diagnostics: Nothing,
  'rotate-key': Nothing,
  'restart-agent': Nothing,
  reboot: Nothing,
  'set-intervals': Intervals,
  update: UpdateWish,
} as const;

/** A command may be looked at for so long after it was issued. */
export const longestCommandSeconds = 7 * 86_400;

const Territory = Type.String({ minLength: 1, maxLength: 64 });
const Ascending = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const By = Type.String({ minLength: 1, maxLength: 100, description: 'who asked for it: the name of an operator' });

export const Command = Type.Object(
  {
    territory: Territory,
    box: BoxId,
    id: CommandId,
    sequence: Ascending,
    /** One that the box does not know is refused as `command-unsupported`. */
    kind: Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$', description: commandKinds.join(', ') }),
    parameters: Type.Record(Type.String({ maxLength: 40 }), Type.Unknown(), { maxProperties: 20 }),
    issuedAt: Time,
    expiresAt: Time,
    by: By,
  },
  { $id: 'Command', additionalProperties: true },
);
export type Command = Static<typeof Command>;

/**
 * What the box is to be like from now on, retained on `down/desired`, signed like a command. `command` is the
 * `set-intervals` that it comes from, which a box answers once it is so. It does not run out; a lower revision than the
 * last one taken is an old one.
 */
export const DesiredState = Type.Object(
  {
    territory: Territory,
    box: BoxId,
    command: CommandId,
    revision: Ascending,
    intervals: Intervals,
    issuedAt: Time,
    by: By,
  },
  { $id: 'DesiredState', additionalProperties: true },
);
export type DesiredState = Static<typeof DesiredState>;

export const CommandOutcome = Type.Union(
  [
    Type.Literal('done'),
    Type.Literal('refused'),
    Type.Literal('failed'),
    Type.Literal('waits-for-owner'),
    Type.Literal('expired'),
  ],
  { description: 'all but waits-for-owner are final; refused: not begun; failed: begun, and not done' },
);
export type CommandOutcome = Static<typeof CommandOutcome>;

/** Payload of `up/result/{command}`. */
export const CommandResult = Type.Object(
  {
    command: CommandId,
    outcome: CommandOutcome,
    /** Of the table of problems, where it was not done. */
    code: Type.Optional(Type.String({ maxLength: 64 })),
    text: Type.String({ maxLength: 500, description: 'in a sentence' }),
    at: Time,
    data: Type.Optional(
      Type.Record(Type.String({ maxLength: 40 }), Type.Union([Type.String({ maxLength: 200 }), Type.Number()]), {
        maxProperties: 20,
      }),
    ),
  },
  { $id: 'CommandResult', additionalProperties: true },
);
export type CommandResult = Static<typeof CommandResult>;

/** Payload of `up/live` at QoS 0: measured now and kept by nobody. */
export const LiveSample = Type.Object(
  { command: CommandId, epoch: Epoch, at: Time, values: Sample.properties.values },
  { $id: 'LiveSample', additionalProperties: true },
);
export type LiveSample = Static<typeof LiveSample>;

/** `PUT` by the box, over mutual TLS: gzip of a JSON document, for the `diagnostics` command of this id. */
export const diagnosticsPath = (command: string): string => `/v1/diagnostics/${command}`;
export const diagnosticsMediaType = 'application/gzip';
export const largestDiagnosticsBytes = 512 * 1024;
