/** What resolutions say of members, in the form of the register's facts: words only. */
import { Type } from 'typebox';
import { CaseId, InCase } from '#contract/cases.js';
import { MemberId } from '#contract/member.js';
import { Decided } from '#contract/member-register.js';

export const ResolvedDecision = Type.Object(
  { member: MemberId, ...Decided.properties, ...InCase.properties },
  { additionalProperties: false },
);
export const ResolvedExpulsion = Type.Object(
  { member: MemberId, ...Type.Required(Decided).properties, ...InCase.properties },
  { additionalProperties: false },
);
/** In a case, and nothing about how the member stands. */
export const ResolvedRuling = Type.Object(
  {
    ...{ member: MemberId, ...Decided.properties, ...InCase.properties, case: CaseId },
    condition: Type.Optional(Type.String({ minLength: 1, maxLength: 1000, pattern: '\\S' })),
  },
  { additionalProperties: false },
);
export const NewSuccession = Type.Object(
  {
    ...{ member: MemberId, successor: MemberId, ...Type.Required(Decided).properties },
    /** With a comma and a blank between them; all, where it is missing. */
    apps: Type.Optional(Type.String({ minLength: 1 })),
    case: Type.Optional(CaseId),
  },
  { additionalProperties: false },
);
