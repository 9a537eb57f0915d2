/** What resolutions say of members, in the form of the register's facts: words only. */
import { Type } from 'typebox';
import { MemberId } from '#contract/member.js';
import { Decided } from '#contract/member-register.js';

export const ResolvedDecision = Type.Object(
  { member: MemberId, ...Decided.properties },
  { additionalProperties: false },
);
export const ResolvedExpulsion = Type.Object(
  { member: MemberId, ...Type.Required(Decided).properties },
  { additionalProperties: false },
);
export const NewSuccession = Type.Object(
  {
    ...{ member: MemberId, successor: MemberId, ...Type.Required(Decided).properties },
    /** With a comma and a blank between them; all, where it is missing. */
    apps: Type.Optional(Type.String({ minLength: 1 })),
  },
  { additionalProperties: false },
);
