/** What a box says of itself on `up/`: birth, death, and what runs. */
import { type Static, Type } from 'typebox';
import { Intervals } from './commands.js';
import { Condition, mostConditions } from './conditions.js';
import { Epoch, Time } from './health.js';
import { ReportedLease } from './leases.js';
import { LedgerHead } from './ledger.js';
import { ReportedOs } from './os.js';
import { AtRest } from './volume.js';

/** `minimum`: the owner has switched off all but births, versions and conditions of severity trouble. Missing: full. */
export const Reporting = Type.Union([Type.Literal('full'), Type.Literal('minimum')]);
export type Reporting = Static<typeof Reporting>;

/** Made anew for each MQTT session, so that the will of an evicted session is not taken for this one's. */
export const SessionId = Type.String({ pattern: '^[0-9a-f]{16}$' });

/** Payload of `up/status`, retained, after each connect. */
export const Birth = Type.Object(
  {
    kind: Type.Literal('birth'),
    session: SessionId,
    epoch: Epoch,
    /** The highest sequence taken so far in this epoch: what lies below it and never came is a gap. */
    lastSequence: Type.Integer({ minimum: 0 }),
    at: Time,
    time: Type.Optional(
      Type.Union([Type.Literal('authenticated'), Type.Literal('unknown')], {
        description: 'whether the box knows the time; samples of a box that does not wait until it does',
      }),
    ),
    agent: Type.String({ maxLength: 64, description: 'agent version' }),
    api: Type.String({ maxLength: 16, description: 'version of the standard API' }),
    ledger: Type.Optional(LedgerHead),
    reporting: Type.Optional(Reporting),
    hardware: Type.Optional(
      Type.Object(
        {
          model: Type.String({ maxLength: 200 }),
          os: Type.String({ maxLength: 200 }),
          arch: Type.String({ maxLength: 40 }),
          cpus: Type.Integer({ minimum: 1 }),
          kernel: Type.Optional(Type.String({ maxLength: 200 })),
          slot: Type.Optional(Type.String({ maxLength: 40, description: 'of the image, where it has two' })),
          atRest: Type.Optional(AtRest),
          bootReason: Type.Optional(Type.String({ maxLength: 200, description: 'where the machine tells' })),
        },
        { description: 'inventory, read at start and when system or network interfaces have changed' },
      ),
    ),
  },
  { $id: 'Birth', additionalProperties: true },
);
export type Birth = Static<typeof Birth>;

/** Payload of `up/status`: published before a clean disconnect, and the session's last will. */
export const Death = Type.Object(
  {
    kind: Type.Literal('death'),
    session: SessionId,
    reason: Type.Union([Type.Literal('stopped'), Type.Literal('lost')]),
  },
  { $id: 'Death', additionalProperties: true },
);
export type Death = Static<typeof Death>;

export const Status = Type.Union([Birth, Death], { $id: 'Status' });
export type Status = Static<typeof Status>;

export const AppState = Type.Union([
  Type.Literal('starting'),
  Type.Literal('running'),
  Type.Literal('backing-off'),
  Type.Literal('stopped'),
]);
export type AppState = Static<typeof AppState>;

export const Sandbox = Type.Union([Type.Literal('podman'), Type.Literal('bubblewrap'), Type.Literal('none')], {
  description: 'none: a plain child process, not sandboxed',
});
export type Sandbox = Static<typeof Sandbox>;

/** Payload of `up/reported`, retained: what runs. */
export const Reported = Type.Object(
  {
    at: Time,
    agent: Type.String({ maxLength: 64 }),
    /** False: enrolled by a voucher, and nobody has set it up yet. */
    owner: Type.Optional(Type.Boolean()),
    apps: Type.Array(
      Type.Object({
        id: Type.String({ maxLength: 64 }),
        state: AppState,
        sandbox: Sandbox,
        restarts: Type.Integer({ minimum: 0 }),
      }),
      { maxItems: 100 },
    ),
    /** What is amiss now. Missing: the box does not tell. */
    conditions: Type.Optional(Type.Array(Condition, { maxItems: mostConditions })),
    reporting: Type.Optional(Reporting),
    /** The intervals that it keeps to. */
    intervals: Type.Optional(Intervals),
    /** What apps hold now. */
    leases: Type.Optional(Type.Array(ReportedLease, { maxItems: 100 })),
    /** Its system, where it can be updated. */
    os: Type.Optional(ReportedOs),
  },
  { $id: 'Reported', additionalProperties: true },
);
export type Reported = Static<typeof Reported>;
