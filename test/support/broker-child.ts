/** A provider's link in a process of its own, to be killed. Arguments: data directory, and a JSON file of PEM. */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { parseJson } from '#contract/parse.js';
import { createBroker } from '../../provisioning/broker/broker.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createIngest } from '../../provisioning/fleet/ingest.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openStore } from '../../provisioning/store/store.js';

const quietLog = { debug() {}, info() {}, warn() {}, error: console.error };
const [directory = '', file = ''] = process.argv.slice(2);
const tls = parseJson(
  Type.Object({ key: Type.String(), cert: Type.String(), ca: Type.String() }),
  await readFile(file),
);
if (!tls.ok) throw new Error('no PEM');
const store = await openStore(directory);
const events = createEventLog({ store, clock: systemClock });
const ingest = createIngest({
  fleet: createLevelFleet({ store, clock: systemClock }),
  events,
  clock: systemClock,
  log: quietLog,
  publish: (topic, payload) => broker.publish(topic, payload),
});
const broker = createBroker({
  tls: tls.value,
  admit: async (certificate) => certificate.subject.replace('CN=', ''),
  receive: (message) => ingest.receive(message),
  left: (box) => ingest.left(box),
  events,
  clock: systemClock,
  log: quietLog,
});
console.log(await broker.start('127.0.0.1', 0));
