/** What `webizen-agent status --json` prints, read from `<runtimeDir>/admin.sock`. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Capability } from './capabilities.js';
import { Change } from './changes.js';
import { Condition } from './conditions.js';
import { Epoch, Sample, Time } from './health.js';
import { LedgerHead } from './ledger.js';
import { Membership } from './membership.js';
import { AppState, Sandbox } from './status.js';

/** A refusal as it is remembered: code and remedy are those of the table of problems. */
export const Refused = Type.Object({
  at: Time,
  code: Type.String(),
  title: Type.String(),
  remedy: Type.String(),
  detail: Type.Optional(Type.String()),
});
export type Refused = Static<typeof Refused>;

export const AgentStatus = Type.Object(
  {
    agent: Type.String({ description: 'version' }),
    state: Type.Union([Type.Literal('unclaimed'), Type.Literal('enrolling'), Type.Literal('enrolled')], {
      description: 'unclaimed: nobody has elected a territory',
    }),
    box: Type.Union([BoxId, Type.Null()]),
    territory: Type.Union([Type.String(), Type.Null()]),
    certificate: Type.Union([Type.Object({ serial: Type.String(), notAfter: Time, renewAt: Time }), Type.Null()]),
    time: Type.Object(
      {
        now: Time,
        source: Type.Union([Type.Literal('authenticated'), Type.Literal('floor'), Type.Literal('release')], {
          description: 'what is known of it: by a server of the territory, or only that it is later than this',
        }),
        offered: Type.Union([Time, Type.Null()], {
          description: 'a time below the floor that waits for a confirmation',
        }),
      },
      { description: 'what the box takes the time to be' },
    ),
    membership: Membership,
    changes: Type.Array(Change, { description: 'newest first' }),
    ledger: Type.Union([LedgerHead, Type.Null()]),
    owner: Type.Boolean({ description: 'whether an owner has set the box up' }),
    link: Type.Object({ online: Type.Boolean(), since: Type.Union([Time, Type.Null()]) }),
    health: Type.Object({
      epoch: Epoch,
      lastSequence: Type.Integer({ minimum: 0 }),
      acknowledged: Type.Integer({ minimum: 0 }),
      waiting: Type.Integer({ minimum: 0, description: 'samples in the outbox' }),
      deadLetters: Type.Integer({ minimum: 0 }),
      lost: Type.Integer({
        minimum: 0,
        description: 'samples given up: dead letters, and what the budget had no room for',
      }),
      latest: Type.Union([Sample, Type.Null()]),
      conditions: Type.Array(Condition, { description: 'what is amiss now, the worst first' }),
    }),
    events: Type.Optional(
      Type.Object({
        last: Type.Integer({ minimum: 0, description: 'sequence of the newest' }),
        acknowledged: Type.Integer({ minimum: 0 }),
        waiting: Type.Integer({ minimum: 0 }),
        lost: Type.Integer({
          minimum: 0,
          description: 'given up for want of room, refused, or kept back by the owner',
        }),
      }),
    ),
    apps: Type.Array(
      Type.Object({
        id: Type.String(),
        state: AppState,
        sandbox: Sandbox,
        restarts: Type.Integer({ minimum: 0 }),
        pid: Type.Union([Type.Integer(), Type.Null()]),
        grants: Type.Array(Capability),
        quotaBytes: Type.Integer(),
        usedBytes: Type.Integer(),
      }),
    ),
    refusals: Type.Array(Refused, { description: 'the newest last, at most 20' }),
  },
  { $id: 'AgentStatus' },
);
export type AgentStatus = Static<typeof AgentStatus>;
