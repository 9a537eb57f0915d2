/** Alerts by e-mail: through which server, and to whom. */
import { type Static, Type } from 'typebox';
import { Time } from './health.js';

const Address = Type.String({ maxLength: 254, pattern: '^[^\\s@<>"(),:;\\\\]+@[^\\s@<>"(),:;\\\\]+$' });

const settings = {
  host: Type.String({ minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9.:-]+$', description: 'the SMTP server' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  security: Type.Union([Type.Literal('tls'), Type.Literal('starttls'), Type.Literal('none')], {
    description:
      'tls: from the first byte (465); starttls: demanded before anything else (587); none: to this machine only',
  }),
  user: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  ca: Type.Optional(Type.String({ maxLength: 12_000, description: 'PEM: what its certificate is checked against' })),
  from: Address,
  to: Type.Array(Address, { minItems: 1, maxItems: 20 }),
  everySeconds: Type.Integer({
    minimum: 60,
    maximum: 86_400,
    description: 'at most one mail in so long: what fires meanwhile is in the next',
  }),
};

/** A password that is not said stays, as long as server and user do. */
export const NewAlertMail = Type.Object(
  { ...settings, password: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })) },
  { $id: 'NewAlertMail', additionalProperties: false },
);
export type NewAlertMail = Static<typeof NewAlertMail>;

export const AlertMail = Type.Object(
  {
    ...settings,
    hasPassword: Type.Boolean({ description: 'it is never shown' }),
    waiting: Type.Integer({ minimum: 0, description: 'of rules: what the next mail tells' }),
    lastAt: Type.Union([Time, Type.Null()], { description: 'when the server took one last' }),
    failing: Type.Union([Type.Object({ since: Time, attempts: Type.Integer(), why: Type.String() }), Type.Null()]),
    givenUp: Type.Integer({ minimum: 0, description: 'what was never told' }),
  },
  { $id: 'AlertMail' },
);
export type AlertMail = Static<typeof AlertMail>;

/** Null where the territory sends no mail. */
export const AlertMailView = Type.Object({ mail: Type.Union([AlertMail, Type.Null()]) }, { $id: 'AlertMailView' });
export type AlertMailView = Static<typeof AlertMailView>;
