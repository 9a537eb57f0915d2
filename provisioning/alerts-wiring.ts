/** Alerts, wired: what rules look at comes from the fleet, what they find goes to webhooks. */
import type { Clock } from '#common/clock.js';
import { type Alerts, openAlerts } from './alerts/alerts.js';
import { type Post, post } from './alerts/post.js';
import { type BoxSource, createRoster } from './alerts/roster.js';
import { openSettings, type Settings } from './alerts/settings.js';
import { openWebhooks, type Webhooks } from './alerts/webhooks.js';
import type { Gauge } from './console/metrics.js';
import type { EventLog } from './fleet/events.js';
import type { Ground } from './ground.js';
import type { Rooms } from './rooms.js';
import type { Store } from './store/store.js';
import { createTurns } from './store/turns.js';

export interface AlertWatch {
  alerts: Alerts;
  settings: Settings;
  webhooks: Webhooks;
  gauges(): Gauge[];
  start(): void;
  stop(): Promise<void>;
}

export async function openAlertWatch(parts: {
  store: Store;
  events: EventLog;
  clock: Clock;
  boxes: BoxSource;
  territory: string;
  /** How long the certificate of a box lasts. */
  leafSeconds: number;
  log: { error(details: object, text: string): void };
  post?: Post;
}): Promise<AlertWatch> {
  const settings = await openSettings(parts);
  const webhooks = await openWebhooks({ post, ...parts });
  const alerts = await openAlerts({ ...parts, turns: createTurns(), roster: createRoster(parts), settings, webhooks });
  return {
    ...{ alerts, settings, webhooks },
    gauges() {
      const { trouble, attention, pending } = alerts.counts();
      const { waiting, taken, failed, givenUp } = webhooks.counts();
      return [
        {
          name: 'webizen_alerts_firing',
          help: 'Alerts that fire, one a rule and box, by severity.',
          series: [
            [{ severity: 'trouble' }, trouble],
            [{ severity: 'attention' }, attention],
          ],
        },
        { name: 'webizen_alerts_pending', help: 'Alerts that wait for their time.', series: [[{}, pending]] },
        {
          name: 'webizen_alert_deliveries_waiting',
          help: 'Deliveries that no webhook has taken yet.',
          series: [[{}, waiting]],
        },
        {
          name: 'webizen_alert_deliveries_total',
          type: 'counter',
          help: 'Attempts to deliver since the start, by what became of them.',
          series: [
            [{ result: 'taken' }, taken],
            [{ result: 'failed' }, failed],
            [{ result: 'given-up' }, givenUp],
          ],
        },
      ];
    },
    start() {
      webhooks.start();
      alerts.start();
    },
    async stop() {
      await alerts.stop();
      await webhooks.stop();
    },
  };
}

export async function startAlertWatch(
  { clock, log, onStop }: Ground,
  {
    rooms: { store, events, territory },
    boxes,
  }: { rooms: Pick<Rooms, 'store' | 'events' | 'territory'>; boxes: BoxSource },
): Promise<AlertWatch> {
  const watch = await openAlertWatch({
    ...{ store, events, clock, log, boxes },
    territory: territory.id,
    leafSeconds: territory.leafLifetimeSeconds,
  });
  watch.start();
  onStop(() => watch.stop());
  return watch;
}
