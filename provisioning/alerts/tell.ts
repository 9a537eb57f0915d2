/** What is told of the alerts of one rule, however many boxes they are of. Pure. */
import { type AlertDelivery, type AlertRule, mostListedAlerts, type Silence } from '#contract/alerts.js';
import { inScope, type LiveAlert } from './evaluate.js';

/** By box; empty for the territory. */
export type Alerts = ReadonlyMap<string, LiveAlert>;

export interface SilencedBox {
  id: string;
  label: string;
  place: string;
  model: string;
}

/** Answers whether one of these keeps an alert from being told. Over is what is past, by this clock. */
export function silencer(silences: Iterable<Silence>, now: number): (rule: string, box: () => SilencedBox) => boolean {
  const lasting = [...silences].filter(({ until }) => now < until);
  return (rule, about) => {
    const mine = lasting.filter((one) => one.rule === undefined || one.rule === rule);
    if (mine.length === 0) return false;
    const box = about();
    return mine.some((one) => (one.box === undefined || one.box === box.id) && inScope(one, box));
  };
}

export interface Untold {
  firing: string[];
  resolved: string[];
}

/** What has fired and was not told, and what is over and was told to fire. */
export function untoldOf(alerts: Alerts, isQuiet: (box: string, alert: LiveAlert) => boolean): Untold {
  const untold: Untold = { firing: [], resolved: [] };
  for (const [box, alert] of alerts)
    if (alert.state === 'firing' && !alert.told && !alert.acknowledged && !isQuiet(box, alert)) untold.firing.push(box);
    else if (alert.state === 'resolved' && alert.told) untold.resolved.push(box);
  return untold;
}

function listed(boxes: readonly string[], alerts: Alerts): AlertDelivery['firing'] {
  const first = boxes.slice(0, mostListedAlerts).flatMap((box) => {
    const alert = alerts.get(box);
    if (!alert) return [];
    const { label, place, since, evidence } = alert;
    return [{ box: box === '' ? null : box, label, place, since, evidence }];
  });
  return { count: boxes.length, boxes: first };
}

export const firingCount = (alerts: Alerts): number =>
  [...alerts.values()].reduce((sum, { state }) => sum + (state === 'firing' ? 1 : 0), 0);

export const deliveryOf = (
  { id, name, severity }: AlertRule,
  alerts: Alerts,
  { firing, resolved }: Untold,
  { territory, now }: { territory: string; now: number },
): Omit<AlertDelivery, 'id'> => ({
  ...{ at: now, kind: 'alert', territory, rule: { id, name, severity } },
  firing: listed(firing, alerts),
  resolved: listed(resolved, alerts),
  stillFiring: firingCount(alerts),
});

/** One line for the list of events: `Box offline: 3 boxes, box-a, box-b, box-c`. */
export function lineOf(name: string, what: 'fires' | 'is over', boxes: readonly string[]): string {
  const ids = boxes.filter((box) => box !== '');
  if (ids.length === 0) return `${name}: ${what}`;
  const more = ids.length > 3 ? ', …' : '';
  return `${name}: ${what} for ${ids.length} ${ids.length === 1 ? 'box' : 'boxes'}: ${ids.slice(0, 3).join(', ')}${more}`;
}
