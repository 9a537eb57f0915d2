/**
 * The reference for ingest: a bare mqtt.js that subscribes to what boxes report and discards it. Arguments: the broker's
 * port, and a JSON file of PEM. Told a count, it answers once so many messages more have come.
 */
import { readFile } from 'node:fs/promises';
import mqtt from 'mqtt';
import { Type } from 'typebox';
import { check, parseJson } from '#contract/parse.js';

const [port = '', file = ''] = process.argv.slice(2);
const pem = parseJson(
  Type.Object({ key: Type.String(), cert: Type.String(), ca: Type.String() }),
  await readFile(file, 'utf8'),
);
if (!pem.ok) throw new Error('no PEM');
const client = await mqtt.connectAsync(`mqtts://127.0.0.1:${port}`, { ...pem.value, protocolVersion: 4 });
await client.subscribeAsync('wz/1/+/+/up/health', { qos: 1 });

let come = 0;
let wanted = Number.POSITIVE_INFINITY;
const tell = () => {
  if (come < wanted) return;
  come -= wanted;
  wanted = Number.POSITIVE_INFINITY;
  process.send?.({ done: true });
};
client.on('message', () => {
  come += 1;
  tell();
});
process.on('message', (message) => {
  const asked = check(Type.Object({ count: Type.Integer() }), message);
  if (!asked.ok) return;
  wanted = asked.value.count;
  tell();
});
console.log('ready');
