/** Leases: an app holds its own update, or a restart of the box, for a stated reason and time. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

/** The longest that one lease may be asked for; it can be extended. */
export const longestLeaseSeconds = 4 * 3600;
/** However often leases are extended: so long after it began to wait, what waits goes ahead. */
export const longestHoldSeconds = 24 * 3600;
/** Of one app at a time. */
export const mostLeases = 8;
/** An app that listens hears so long before its update begins that it may take a lease. */
export const updateNoticeSeconds = 10;

export const Hold = Type.Union([Type.Literal('update'), Type.Literal('reboot')], {
  description: 'update: the update of the app itself, and its stop for one; reboot: a restart of the box',
});
export type Hold = Static<typeof Hold>;

const LeaseId = Type.String({ pattern: '^[0-9a-f]{16}$' });
const reason = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  description: 'one line in words, which the owner reads, and the provider',
});
const seconds = Type.Integer({
  minimum: 1,
  maximum: longestLeaseSeconds,
  description: 'from now on; it may end earlier: what waits, waits for 24 hours at most',
});

export const NewLease = Type.Object({ hold: Hold, reason, seconds }, { $id: 'NewLease', additionalProperties: false });
export type NewLease = Static<typeof NewLease>;

export const LeaseExtension = Type.Object({ seconds }, { $id: 'LeaseExtension', additionalProperties: false });
export type LeaseExtension = Static<typeof LeaseExtension>;

export const Lease = Type.Object(
  {
    id: LeaseId,
    hold: Hold,
    reason,
    takenAt: Time,
    until: Time,
    secondsLeft: Type.Integer({
      minimum: 0,
      description: 'what counts, where the clock of the box is set meanwhile',
    }),
  },
  { $id: 'Lease' },
);
export type Lease = Static<typeof Lease>;

export const LeaseList = Type.Object({ leases: Type.Array(Lease) }, { $id: 'LeaseList' });
export type LeaseList = Static<typeof LeaseList>;

/** As the provider is told of it. */
export const ReportedLease = Type.Object({
  app: Type.String({ maxLength: 64 }),
  hold: Hold,
  reason: Type.String({ maxLength: 200 }),
  until: Time,
});
export type ReportedLease = Static<typeof ReportedLease>;
