/** A suspension for a time ends: because its time is over, or because the case that it was for led to no suspension. Pure. */
import type { Case } from '#contract/cases.js';
import type { MemberRecord } from '#contract/member-register.js';

export const interimEnded =
  ({ interimUntil: _, ...before }: MemberRecord, { at, reason }: { at: number; reason: string }) =>
  (entry: number): MemberRecord[] => [
    {
      ...before,
      ...{ standing: 'good' as const },
      history: [...before.history, { at, act: 'member.interim-ended' as const, entry, reason }],
    },
  ];

/** Whether the member is suspended for a time, for this case. */
export const isInterimOf = ({ interimUntil }: MemberRecord, it: Case): boolean =>
  interimUntil !== undefined && interimUntil === it.interimUntil;
