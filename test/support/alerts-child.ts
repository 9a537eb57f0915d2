/** Alerts in a process of their own, to be killed: each 200 seconds one more box is in trouble, by a clock a thousand times as fast. */
import { setTimeout as delay } from 'node:timers/promises';
import { fastify } from 'fastify';
import type { Clock } from '#common/clock.js';
import { openAlertWatch } from '../../provisioning/alerts-wiring.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { openStore } from '../../provisioning/store/store.js';
import { boxOf } from './console.js';
import { createFedFleet } from './fleet.js';

const [directory = '', url = '', base = '0', boxes = '0', mailPort = ''] = process.argv.slice(2);
const began = Number(base);
const clock: Clock = {
  now: () => began + (Date.now() - began) * 1000,
  sleep: (milliseconds, signal) =>
    delay(milliseconds / 1000, undefined, signal ? { signal } : {}).catch(() => undefined),
};
const store = await openStore(directory);
const events = createEventLog({ store, clock });
const fleet = createFedFleet(clock.now);
const log = fastify({ logger: false }).log;
const watch = await openAlertWatch({
  ...{ store, events, clock, log, boxes: fleet, territory: 'test', leafSeconds: 2_592_000 },
});
if (url && watch.webhooks.list().length === 0) await watch.webhooks.create({ name: 'Hook', url });
if (mailPort)
  await watch.mail.set({
    ...{ host: '127.0.0.1', port: Number(mailPort), security: 'none', everySeconds: 300 },
    ...{ from: 'boxes@network.example', to: ['on-call@network.example'] },
  });
watch.start();
process.send?.('ready');
for (let made = 0; made < Number(boxes); ) {
  const due = Math.min(Number(boxes), Math.floor((clock.now() - began) / 200_000));
  for (; made < due; made += 1) {
    const id = `box-${String(made).padStart(4, '0')}`;
    const trouble = { kind: 'disk-filling', severity: 'trouble' as const, since: 0, evidence: 'full tomorrow' };
    fleet.boxes.set(
      id,
      boxOf(id, clock.now(), { conditions: [trouble], certificate: { serial: '1', notAfter: 9e15 } }),
    );
    events.announce({ type: 'condition', box: id, text: 'it began' });
  }
  await delay(5);
}
