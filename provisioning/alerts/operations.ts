/** What the commands `alert …` ask for: answered by the running server, or by the command itself. */
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { NewAlertMail } from '#contract/alert-mail.js';
import { AlertId, NewAcknowledgement, NewAlertRule, NewSilence, NewWebhook } from '#contract/alerts.js';
import { OperatorName } from '#contract/operators.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Alerts } from './alerts.js';
import type { Mail } from './mail.js';
import type { Settings } from './settings.js';
import type { Webhooks } from './webhooks.js';

export interface AlertRooms {
  alerts: Alerts;
  settings: Settings;
  webhooks: Webhooks;
  mail: Mail;
}

const By = { by: OperatorName };
const Acknowledged = Type.Object({ ...NewAcknowledgement.properties, ...By }, { additionalProperties: false });
const Silenced = Type.Object({ ...NewSilence.properties, ...By }, { additionalProperties: false });
const OneRule = Type.Object({ rule: AlertId });
const OfRule = Type.Object({
  ...OneRule.properties,
  after: Type.Optional(Type.String({ maxLength: 100 })),
  limit: Type.Integer({ minimum: 1, maximum: 500 }),
});
const SetRule = Type.Object({ ...OneRule.properties, wish: NewAlertRule });
const OneSilence = Type.Object({ silence: AlertId });
const OneWebhook = Type.Object({ webhook: AlertId });

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

export function createAlertOperations({ alerts, settings, webhooks, mail }: AlertRooms): Handlers {
  function known({ webhooks: ids, ...rule }: NewAlertRule): NewAlertRule {
    for (const id of ids ?? []) if (!webhooks.has(id)) throw new Refusal('webhook-unknown', id);
    return { ...rule, ...(ids && { webhooks: ids }) };
  }
  return {
    'alert.list': async () => alerts.groups(),
    async 'alert.show'(parameters) {
      const { rule, ...page } = wanted(check(OfRule, parameters));
      return alerts.list(rule, page);
    },
    async 'alert.acknowledge'(parameters) {
      const { by, ...wish } = wanted(check(Acknowledged, parameters));
      return { acknowledged: await alerts.acknowledge(wish, by) };
    },
    'silence.list': async () => [...settings.silences().values()],
    async 'silence.create'(parameters) {
      const { by, ...wish } = wanted(check(Silenced, parameters));
      return settings.createSilence(wish, by);
    },
    'silence.end': async (parameters) => settings.endSilence(wanted(check(OneSilence, parameters)).silence),
    'alert-rule.list': async () => [...settings.rules().values()],
    'alert-rule.create': async (parameters) => settings.createRule(known(wanted(check(NewAlertRule, parameters)))),
    async 'alert-rule.set'(parameters) {
      const { rule, wish } = wanted(check(SetRule, parameters));
      return settings.setRule(rule, known(wish));
    },
    'alert-rule.remove': async (parameters) => settings.removeRule(wanted(check(OneRule, parameters)).rule),
    'alert-mail.show': async () => ({ mail: mail.view() }),
    'alert-mail.set': async (parameters) => mail.set(wanted(check(NewAlertMail, parameters))),
    'alert-mail.remove': () => mail.remove(),
    'alert-mail.test': () => mail.test(),
    'webhook.list': async () => webhooks.list(),
    'webhook.create': async (parameters) => webhooks.create(wanted(check(NewWebhook, parameters))),
    'webhook.test': async (parameters) => webhooks.test(wanted(check(OneWebhook, parameters)).webhook),
    'webhook.remove': async (parameters) => webhooks.remove(wanted(check(OneWebhook, parameters)).webhook),
  };
}
