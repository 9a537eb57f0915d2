/** The operator's API for commands: `/v1/boxes/{id}/commands`. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import {
  CommandId,
  CommandOutcome,
  CommandResult,
  commandKinds,
  Intervals,
  longestCommandSeconds,
} from './commands.js';
import { FleetFilter } from './fleet.js';
import { Time } from './health.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Kind = Type.Enum([...commandKinds]);

export const usualCommandSeconds = 86_400;

/** `parameters` are those of the kind, see contract/commands.ts. */
export const NewCommand = Type.Object(
  {
    kind: Kind,
    parameters: Type.Optional(Type.Record(Type.String({ maxLength: 40 }), Type.Unknown(), { maxProperties: 20 })),
    lifetimeSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: longestCommandSeconds, description: 'a day unless said' }),
    ),
  },
  { $id: 'NewCommand', additionalProperties: false },
);
export type NewCommand = Static<typeof NewCommand>;

/** `pending`: not sent yet; `sent`: it is or was on its way, and there is no answer yet; then what the box answered. */
export const CommandState = Type.Union([Type.Literal('pending'), Type.Literal('sent'), CommandOutcome]);
export type CommandState = Static<typeof CommandState>;

export const CommandView = Type.Object(
  {
    id: CommandId,
    box: BoxId,
    sequence: Type.Integer(),
    kind: Kind,
    parameters: Type.Record(Type.String(), Type.Unknown()),
    by: Type.String(),
    issuedAt: Time,
    expiresAt: Time,
    state: CommandState,
    /** When it was sent last. */
    sentAt: NullOr(Time),
    /** What the box answered last, and when that came. */
    answer: NullOr(CommandResult),
    answeredAt: NullOr(Time),
    /** What an operator does about it, where the box answers with a problem of the table. */
    remedy: NullOr(Type.String()),
    /** Of a bundle that is here, to be had at `/v1/boxes/{id}/commands/{command}/diagnostics`. */
    diagnosticsBytes: NullOr(Type.Integer()),
  },
  { $id: 'CommandView' },
);
export type CommandView = Static<typeof CommandView>;

/** Newest first. `intervals`: what the box is told to keep to, null where it keeps to its own. */
export const CommandPage = Type.Object(
  { commands: Type.Array(CommandView), intervals: NullOr(Intervals) },
  { $id: 'CommandPage' },
);
export type CommandPage = Static<typeof CommandPage>;

/** Of one call: who means more boxes says so in several. */
export const mostAtOnce = 1000;

/** `POST /v1/fleet/commands`: the same for each box that matches now. */
export const NewFleetCommand = Type.Object(
  {
    filter: FleetFilter,
    command: NewCommand,
    /** As many as the caller saw match: where it is another number now, nothing is asked. */
    boxes: Type.Integer({ minimum: 1, maximum: mostAtOnce }),
  },
  { $id: 'NewFleetCommand', additionalProperties: false },
);
export type NewFleetCommand = Static<typeof NewFleetCommand>;

export const FleetCommandResult = Type.Object(
  {
    asked: Type.Integer({ minimum: 0 }),
    refused: Type.Array(Type.Object({ box: BoxId, code: Type.String() }), {
      description: 'boxes that were not asked, and why',
    }),
  },
  { $id: 'FleetCommandResult' },
);
export type FleetCommandResult = Static<typeof FleetCommandResult>;
