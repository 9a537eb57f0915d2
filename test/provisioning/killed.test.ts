/** The provider is killed with SIGKILL at random moments: what it has acknowledged is there, counted by sequence. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import mqtt from 'mqtt';
import t from 'tap';
import { Ack } from '#contract/health.js';
import { parseJson } from '#contract/parse.js';
import { subtree } from '#contract/topics.js';
import { holes } from '../../provisioning/fleet/track.js';
import { openStore } from '../../provisioning/store/store.js';
import { createTestCa } from '../support/certificates.js';
import { kills as asked, randomFrom, seed } from '../support/random.js';
import { sampleKeys } from '../support/stored.js';
import { birth, epoch, health, up, within } from '../support/territory.js';

const kills = Math.max(20, Math.ceil(asked / 2));
console.log(`# seed ${seed} (SEED=${seed} KILLS=${asked} repeats it)`);
t.setTimeout(30_000 + kills * 5_000);

const random = randomFrom(seed);
const box = 'box-under-fire';
const authority = await createTestCa();
const credentials = await authority.client(box);
const directory = await mkdtemp(path.join(tmpdir(), 'webizen-killed-'));
const pem = path.join(directory, 'pem.json');
await writeFile(pem, JSON.stringify({ ...(await authority.server()), ca: authority.ca }), { mode: 0o600 });
const child = path.join(import.meta.dirname, '../support/broker-child.js');
const running = new Set<ChildProcess>();
t.teardown(async () => {
  for (const process of running) process.kill('SIGKILL');
  await authority.close();
  await rm(directory, { recursive: true, force: true });
});

/** Sends from the first sequence that is not acknowledged until it is cut. Answers what was acknowledged. */
async function sendUntilCut(port: number, before: Ack, kill: () => void): Promise<Ack> {
  const client = mqtt.connect({
    ...{ protocol: 'mqtts', host: '127.0.0.1', port, ca: authority.ca, ...credentials },
    ...{ clientId: box, protocolVersion: 4, reconnectPeriod: 0 },
  });
  client.on('error', () => {});
  const next = (event: 'connect' | 'close' | 'message') =>
    new Promise<void>((resolve) => client.once(event, () => resolve()));
  const closed = next('close');
  let acked = before;
  let sent = before.contiguous;
  let isOpen = true;
  void closed.then(() => {
    isOpen = false;
  });
  const answered = new Promise<void>((resolve) =>
    client.on('message', (_topic, payload) => {
      const parsed = parseJson(Ack, payload);
      if (parsed.ok && parsed.value.contiguous >= acked.contiguous) acked = parsed.value;
      resolve();
    }),
  );
  await within(next('connect'), 'CONNACK');
  await client.subscribeAsync(`${subtree(box, 'down')}/#`, { qos: 1 });
  client.publish(up(box, 'status'), birth('1'.repeat(16), sent), { qos: 1, retain: true });
  await within(answered, 'the answer to the birth');
  if (acked.contiguous < before.contiguous) throw new Error(`forgot ${before.contiguous}: ${acked.contiguous}`);
  sent = acked.contiguous;
  void delay(random() * 60).then(kill);
  while (isOpen) {
    const size = 1 + Math.floor(random() * 8);
    client.publish(up(box, 'health'), health(sent + 1, sent + size), { qos: 1 });
    sent += size;
    // Sometimes at the provider's pace, sometimes ahead of it.
    if (sent - acked.contiguous > 400) await Promise.race([next('message'), closed]);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  await client.endAsync(true);
  return acked;
}

t.test(`killed ${kills} times, the provider has everything it acknowledged`, async (t) => {
  let acked: Ack = { epoch, contiguous: 0, missing: [] };
  for (let count = 0; count < kills; count += 1) {
    const provider = spawn(process.execPath, [child, directory, pem], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(provider);
    const exit = once(provider, 'exit');
    const [port] = await within(once(createInterface({ input: provider.stdout }), 'line'), 'the port');
    acked = await sendUntilCut(Number(port), acked, () => provider.kill('SIGKILL'));
    await exit;
    running.delete(provider);

    const store = await openStore(directory);
    const keys = await sampleKeys(store, box);
    const life = await store.lives.get(box);
    await store.close();
    const sequences = new Set(keys.map((key) => Number(key.split('!')[3])));
    const lost = [];
    for (let sequence = 1; sequence <= acked.contiguous; sequence += 1)
      if (!sequences.has(sequence)) lost.push(sequence);
    t.strictSame(lost, [], `kill ${count + 1}: ${acked.contiguous} acknowledged, ${sequences.size} stored`);
    t.equal(sequences.size, keys.length, 'none is stored twice');
    const track = life?.tracks[epoch];
    const last = Math.max(...sequences);
    if (track)
      t.strictSame([holes(track, last), track.contiguous], [[], sequences.size], 'the track tells what is here');
  }
  t.ok(acked.contiguous > kills, 'and there was something to lose');
});
