/** Rules, webhooks and mail, looked at by hand. */
import { fastify } from 'fastify';
import type { BoxDetail, FleetEvent } from '#contract/operator.js';
import type { Post } from '../../provisioning/alerts/post.js';
import type { SendMail } from '../../provisioning/alerts/smtp.js';
import { openAlertWatch } from '../../provisioning/alerts-wiring.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { openStore } from '../../provisioning/store/store.js';
import { boxOf } from './console.js';
import { createFedFleet } from './fleet.js';
import { ownFolder } from './folder.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

const hour = 3_600_000;
const leafSeconds = 30 * 86_400;

interface Tap {
  teardown(work: () => unknown): void;
}

/** Alerts over a real store and real servers; the clock and the boxes are the test's. */
export async function openWatch(
  test: Tap,
  {
    clock = createManualClock(),
    directory,
    post,
    sendMail,
  }: { clock?: ManualClock; directory?: string; post?: Post; sendMail?: SendMail } = {},
) {
  const where = directory ?? (await ownFolder(test));
  const store = await openStore(where);
  const events = createEventLog({ store, clock });
  const told: FleetEvent[] = [];
  events.subscribe((event) => told.push(event));
  const fleet = createFedFleet(() => clock.now());
  const log = fastify({ logger: false }).log;
  const watch = await openAlertWatch({
    ...{ store, events, clock, log, boxes: fleet, territory: 'test', leafSeconds },
    ...(post && { post }),
    ...(sendMail && { sendMail }),
  });
  watch.start();
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await watch.stop();
    await events.stop();
    await store.close();
  };
  test.teardown(close);
  const set = (id: string, change: Partial<BoxDetail>) => {
    const certificate = { serial: '1', notAfter: 8e15 };
    fleet.boxes.set(id, boxOf(id, clock.now(), { certificate, ...fleet.boxes.get(id), ...change }));
    events.announce({ type: 'condition', box: id, text: 'changed' });
  };
  const after = async (milliseconds: number) => {
    clock.advance(milliseconds);
    await watch.alerts.look();
  };
  /** Time passes, half an hour at a time, until this holds. */
  const until = async (does: () => boolean) => {
    for (; !does(); clock.advance(hour / 2)) await new Promise((resolve) => setImmediate(resolve));
  };
  const firing = (rule: string) => watch.alerts.groups().find((group) => group.rule.id === rule)?.firing;
  return { ...watch, clock, directory: where, fleet, events, store, told, set, after, until, firing, close };
}
