/** Alerts, wired: what rules look at comes from the fleet, what they find goes to webhooks. */
import type { Clock } from '#common/clock.js';
import { type Alerts, openAlerts } from './alerts/alerts.js';
import { type Mail, openMail } from './alerts/mail.js';
import { type Post, post } from './alerts/post.js';
import { type BoxSource, createRoster } from './alerts/roster.js';
import { openSettings, type Settings } from './alerts/settings.js';
import { type SendMail, sendMail } from './alerts/smtp.js';
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
  mail: Mail;
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
  sendMail?: SendMail;
}): Promise<AlertWatch> {
  const settings = await openSettings(parts);
  const webhooks = await openWebhooks({ post, ...parts });
  const mail = await openMail({ ...parts, send: parts.sendMail ?? sendMail });
  const roster = createRoster(parts);
  const alerts = await openAlerts({ ...parts, turns: createTurns(), roster, settings, webhooks, mail });
  return {
    ...{ alerts, settings, webhooks, mail },
    gauges() {
      const { trouble, attention, pending } = alerts.counts();
      const { waiting, taken, failed, givenUp } = webhooks.counts();
      const mails = mail.counts();
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
        {
          name: 'webizen_alert_mail_waiting',
          help: 'What the next mail is to tell.',
          series: [[{}, mails.waiting]],
        },
        {
          name: 'webizen_alert_mails_total',
          type: 'counter',
          help: 'Attempts to send a mail since the start, by what became of them.',
          series: [
            [{ result: 'taken' }, mails.taken],
            [{ result: 'failed' }, mails.failed],
            [{ result: 'given-up' }, mails.givenUp],
          ],
        },
      ];
    },
    start() {
      webhooks.start();
      mail.start();
      alerts.start();
    },
    async stop() {
      await alerts.stop();
      await webhooks.stop();
      await mail.stop();
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
