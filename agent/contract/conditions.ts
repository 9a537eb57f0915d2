/** What is amiss with a box, as the box finds it: a state with a beginning, told once and kept until it is over. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

export const Severity = Type.Union([Type.Literal('info'), Type.Literal('attention'), Type.Literal('trouble')]);
export type Severity = Static<typeof Severity>;

export const Condition = Type.Object(
  {
    kind: Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$', description: 'disk-filling, hot, under-voltage, …' }),
    about: Type.Optional(
      Type.String({ maxLength: 100, description: 'which disk, app or interface, where there are several' }),
    ),
    severity: Severity,
    since: Time,
    evidence: Type.String({ maxLength: 300, description: 'what was measured, in words and numbers' }),
  },
  { $id: 'Condition', additionalProperties: true },
);
export type Condition = Static<typeof Condition>;

/** How many a report carries. */
export const mostConditions = 50;
