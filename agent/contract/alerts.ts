/** Alert rules, what fires of them, and what is delivered to whoever is to know. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';
import { Severity } from './conditions.js';
import { Time } from './health.js';
import { OperatorName } from './operators.js';

const day = 86_400;
const Seconds = (most: number, description: string) => Type.Integer({ minimum: 0, maximum: most, description });

export const AlertId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}$' });

/** What must hold. All of it is of one box, but `refusals`, which is of the territory. */
export const AlertWhen = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('condition'),
      conditions: Type.Optional(
        Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' }), {
          minItems: 1,
          maxItems: 50,
          description: 'kinds, any of them; missing: every kind',
        }),
      ),
      severity: Type.Optional(Type.Union(Severity.anyOf, { description: 'this or worse; missing: any' })),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('offline') },
    { additionalProperties: false, description: 'counted from when it was last heard' },
  ),
  Type.Object({ kind: Type.Literal('cloned') }, { additionalProperties: false }),
  Type.Object(
    { kind: Type.Literal('certificate'), withinSeconds: Seconds(366 * day, 'until it runs out') },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('gaps'), samples: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }) },
    { additionalProperties: false, description: 'so many samples, or more, were taken and never came' },
  ),
  Type.Object(
    {
      kind: Type.Literal('event'),
      events: Type.Optional(
        Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' }), {
          minItems: 1,
          maxItems: 50,
          description: 'kinds of events of boxes, any of them; missing: every kind',
        }),
      ),
      severity: Type.Optional(Type.Union(Severity.anyOf, { description: 'this or worse; missing: any' })),
      withinSeconds: Type.Integer({
        minimum: 60,
        maximum: 7 * day,
        description: 'it holds for so long after one came',
      }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('refusals'),
      codes: Type.Optional(Type.Array(Type.String({ maxLength: 60 }), { minItems: 1, maxItems: 20 })),
      count: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
      withinSeconds: Type.Integer({ minimum: 60, maximum: day }),
    },
    { additionalProperties: false },
  ),
]);
export type AlertWhen = Static<typeof AlertWhen>;

/** Which boxes: all of what is said must fit. */
export const AlertScope = Type.Object(
  {
    place: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    labelPrefix: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  { additionalProperties: false },
);
export type AlertScope = Static<typeof AlertScope>;

export const AlertSeverity = Type.Union([Type.Literal('attention'), Type.Literal('trouble')]);

export const NewAlertRule = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    when: AlertWhen,
    severity: AlertSeverity,
    forSeconds: Seconds(30 * day, 'it must hold for so long before it fires'),
    clearSeconds: Seconds(day, 'it must be over for so long before it is resolved'),
    scope: AlertScope,
    webhooks: Type.Optional(Type.Array(AlertId, { maxItems: 20, description: 'missing: all of them; empty: none' })),
    mail: Type.Optional(Type.Boolean({ description: 'missing: told by mail too, where the territory sends mail' })),
    enabled: Type.Boolean(),
  },
  { $id: 'NewAlertRule', additionalProperties: false },
);
export type NewAlertRule = Static<typeof NewAlertRule>;

export const AlertRule = Type.Object(
  { ...NewAlertRule.properties, id: AlertId, changedAt: Time },
  { $id: 'AlertRule', additionalProperties: false },
);
export type AlertRule = Static<typeof AlertRule>;

export const AlertState = Type.Union([Type.Literal('pending'), Type.Literal('firing'), Type.Literal('resolved')]);
export type AlertState = Static<typeof AlertState>;

export const Acknowledgement = Type.Object({
  by: OperatorName,
  at: Time,
  until: Type.Union([Time, Type.Null()], { description: 'told again if it still fires then; null: not again' }),
  note: Type.String({ maxLength: 500 }),
});

/** One rule that holds for one box, or for the territory. */
export const Alert = Type.Object(
  {
    rule: AlertId,
    box: Type.Union([Type.String(), Type.Null()], { description: 'null: the territory' }),
    label: Type.String(),
    place: Type.String(),
    state: AlertState,
    since: Time,
    firedAt: Type.Union([Time, Type.Null()]),
    evidence: Type.String(),
    acknowledged: Type.Union([Acknowledgement, Type.Null()]),
    silenced: Type.Boolean(),
  },
  { $id: 'Alert' },
);
export type Alert = Static<typeof Alert>;

/** How many of each rule are listed at once. */
export const mostListedAlerts = 20;

/** Rules with what they have; those that fire first. */
export const AlertGroup = Type.Object(
  {
    rule: AlertRule,
    firing: Type.Integer({ minimum: 0 }),
    pending: Type.Integer({ minimum: 0 }),
    acknowledged: Type.Integer({ minimum: 0 }),
    silenced: Type.Integer({ minimum: 0 }),
    alerts: Type.Array(Alert, { description: 'the first that fire, what nobody has acknowledged first' }),
  },
  { $id: 'AlertGroup' },
);
export type AlertGroup = Static<typeof AlertGroup>;

export const NewAcknowledgement = Type.Object(
  {
    rule: AlertId,
    box: Type.Optional(Type.Union([BoxId, Type.Null()], { description: 'missing: all that fires of the rule now' })),
    forSeconds: Type.Optional(Type.Integer({ minimum: 60, maximum: 90 * day })),
    note: Type.String({ maxLength: 500 }),
  },
  { $id: 'NewAcknowledgement', additionalProperties: false },
);
export type NewAcknowledgement = Static<typeof NewAcknowledgement>;

/** What matches is not delivered while it lasts: all of what is said must fit. */
export const NewSilence = Type.Object(
  {
    rule: Type.Optional(AlertId),
    box: Type.Optional(BoxId),
    ...AlertScope.properties,
    forSeconds: Type.Integer({ minimum: 60, maximum: 90 * day }),
    reason: Type.String({ minLength: 1, maxLength: 500 }),
  },
  { $id: 'NewSilence', additionalProperties: false },
);
export type NewSilence = Static<typeof NewSilence>;

export const Silence = Type.Object(
  {
    id: AlertId,
    rule: Type.Optional(AlertId),
    box: Type.Optional(BoxId),
    ...AlertScope.properties,
    reason: Type.String(),
    by: OperatorName,
    from: Time,
    until: Time,
  },
  { $id: 'Silence' },
);
export type Silence = Static<typeof Silence>;

export const NewWebhook = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    url: Type.String({
      maxLength: 2000,
      pattern: '^https?://[^\\s@]+$',
      description: 'http or https, without a password in it',
    }),
  },
  { $id: 'NewWebhook', additionalProperties: false },
);
export type NewWebhook = Static<typeof NewWebhook>;

export const Webhook = Type.Object(
  {
    id: AlertId,
    ...NewWebhook.properties,
    createdAt: Time,
    waiting: Type.Integer({ minimum: 0, description: 'deliveries that were not taken yet' }),
    lastAt: Type.Union([Time, Type.Null()], { description: 'when one was taken last' }),
    failing: Type.Union([Type.Object({ since: Time, attempts: Type.Integer(), why: Type.String() }), Type.Null()]),
    givenUp: Type.Integer({ minimum: 0, description: 'deliveries that were never taken' }),
  },
  { $id: 'Webhook' },
);
export type Webhook = Static<typeof Webhook>;

/** The only time that the secret is seen. */
export const CreatedWebhook = Type.Object({ ...Webhook.properties, secret: Type.String() }, { $id: 'CreatedWebhook' });
export type CreatedWebhook = Static<typeof CreatedWebhook>;

const Told = Type.Object({
  count: Type.Integer({ minimum: 0 }),
  boxes: Type.Array(
    Type.Object({
      box: Type.Union([Type.String(), Type.Null()]),
      label: Type.String(),
      place: Type.String(),
      since: Time,
      evidence: Type.String(),
    }),
    { maxItems: mostListedAlerts, description: 'the first of them' },
  ),
});

/**
 * What is posted to a webhook: one of a rule, however many boxes it has. `Idempotency-Key` is `id`: a delivery that is
 * tried again has the same. `Webizen-Signature` is `t={seconds since 1970},v1={HMAC-SHA-256, hex}` with the webhook's
 * secret over `{t}.{body}`.
 */
export const AlertDelivery = Type.Object(
  {
    id: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    at: Time,
    kind: Type.Union([Type.Literal('alert'), Type.Literal('test')]),
    territory: Type.String(),
    rule: Type.Object({ id: AlertId, name: Type.String(), severity: AlertSeverity }),
    firing: Type.Object({ ...Told.properties }, { description: 'since the delivery before' }),
    resolved: Type.Object({ ...Told.properties }, { description: 'since the delivery before' }),
    stillFiring: Type.Integer({ minimum: 0, description: 'of the rule, all told' }),
  },
  { $id: 'AlertDelivery', additionalProperties: true },
);
export type AlertDelivery = Static<typeof AlertDelivery>;

export const signatureHeader = 'webizen-signature';
