/** What fires, as the operator reads it. Pure. */
import { type Alert, type AlertGroup, type AlertRule, mostListedAlerts } from '#contract/alerts.js';
import type { LiveAlert } from './evaluate.js';
import type { Alerts } from './tell.js';

type Silenced = (rule: string, box: string, alert: LiveAlert) => boolean;

const viewOf =
  (rule: string, silenced: Silenced) =>
  ([box, alert]: [string, LiveAlert]): Alert => ({
    ...{ rule, box: box === '' ? null : box, label: alert.label, place: alert.place, state: alert.state },
    ...{ since: alert.since, firedAt: alert.firedAt ?? null, evidence: alert.evidence },
    acknowledged: alert.acknowledged ?? null,
    silenced: silenced(rule, box, alert),
  });

/** What nobody has seen to first, then the newest. */
const urgent = (a: LiveAlert, b: LiveAlert): number =>
  Number(Boolean(a.acknowledged)) - Number(Boolean(b.acknowledged)) || (b.firedAt ?? 0) - (a.firedAt ?? 0);

function groupOf(rule: AlertRule, alerts: Alerts, silenced: Silenced): AlertGroup {
  const list = [...alerts];
  const firing = list.filter(([, { state }]) => state === 'firing');
  return {
    rule,
    firing: firing.length,
    pending: list.filter(([, { state }]) => state === 'pending').length,
    acknowledged: firing.filter(([, { acknowledged }]) => acknowledged).length,
    silenced: firing.filter(([box, one]) => silenced(rule.id, box, one)).length,
    alerts: firing
      .sort(([, a], [, b]) => urgent(a, b))
      .slice(0, mostListedAlerts)
      .map(viewOf(rule.id, silenced)),
  };
}

const weight = ({ firing, rule }: AlertGroup): number => (firing === 0 ? 0 : rule.severity === 'trouble' ? 2 : 1);

/** Every rule, those that fire first, the worse before the others. */
export const groupsOf = (
  rules: Iterable<AlertRule>,
  alertsOf: (rule: string) => Alerts,
  silenced: Silenced,
): AlertGroup[] =>
  [...rules]
    .map((rule) => groupOf(rule, alertsOf(rule.id), silenced))
    .sort((a, b) => weight(b) - weight(a) || b.firing - a.firing || (a.rule.name < b.rule.name ? -1 : 1));

/** By box, from after the one named. */
export const pageOf = (
  rule: string,
  alerts: Alerts,
  { after = '', limit }: { after?: string | undefined; limit: number },
  silenced: Silenced,
): Alert[] =>
  [...alerts]
    .filter(([box, { state }]) => state !== 'resolved' && (after === '' || box > after))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, limit)
    .map(viewOf(rule, silenced));
