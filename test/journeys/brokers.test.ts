/** The same journeys and the same attacks on both brokers: the provider's own, and mosquitto as we configure it. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { subtree } from '#contract/topics.js';
import { type TestBox, testBox } from '../support/box.js';
import { type TestMosquitto, testMosquitto } from '../support/mosquitto.js';
import { askCommand, runCommand, type TestProvider, testProvider } from '../support/provider.js';
import { storedSamples, wholeUpTo } from '../support/stored.js';
import { health, up, within } from '../support/territory.js';

interface Place {
  provider: TestProvider;
  mosquitto: TestMosquitto | undefined;
  /** Takes the broker away, and gives it back. */
  away(): Promise<void>;
  back(): Promise<void>;
  enrol(): Promise<TestBox & { id: string }>;
}

async function place(t: Test, kind: string, leafLifetime?: string): Promise<Place> {
  const provider = await testProvider(t, leafLifetime === undefined ? {} : { leafLifetime });
  const mosquitto = kind === 'mosquitto' ? await testMosquitto(t, provider.directory) : undefined;
  if (mosquitto) provider.useBroker(mosquitto.outside);
  await provider.start();
  return {
    provider,
    mosquitto,
    away: () => (mosquitto ?? provider).stop(),
    back: () => (mosquitto ?? provider).start(),
    async enrol() {
      const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
      await box.start();
      const { box: id } = await box.until(({ health: { acknowledged }, link }) => link.online && acknowledged > 0);
      return Object.assign(box, { id: id ?? '' });
    },
  };
}

/** What `webizen ledger verify` says of the box's export, once it carries a receipt for a head as long as that. */
async function verified(box: TestBox, rootFile: string, wish: { least?: number; keep?: number } = {}) {
  const { ledger } = box.agent?.rooms() ?? {};
  for (;;) {
    const exported = await ledger?.export();
    const { length } = JSON.parse(Buffer.from(exported?.receipt?.split('.')[1] ?? 'e30', 'base64url').toString('utf8'));
    if (exported && length >= (wish.least ?? 1)) {
      const file = path.join(box.folder, 'ledger.json');
      const entries = wish.keep === undefined ? exported.entries : exported.entries.slice(0, length - wish.keep);
      await writeFile(file, JSON.stringify({ ...exported, entries }));
      return runCommand('webizen', ['ledger', 'verify', file, '--root', rootFile]);
    }
    await systemClock.sleep(20); // a receipt comes a moment after the birth: a look, not an event
  }
}

/** What a box holds, in the hands of somebody who does with it what an agent does not. */
async function takenFrom(box: TestBox): Promise<{ key: string; cert: string; ca: string }> {
  const [pem, ca] = await Promise.all(
    ['operational.pem', 'authorities.crt'].map((name) => readFile(path.join(box.dataDir, 'identity', name), 'utf8')),
  );
  return { key: pem ?? '', cert: (pem ?? '').slice(pem?.indexOf('-----BEGIN CERTIFICATE')), ca: ca ?? '' };
}

for (const kind of ['aedes', 'mosquitto']) {
  t.test(
    `${kind}: a box enrols, reports and is acknowledged; nothing is lost while the broker or the provider is away`,
    async (t) => {
      const { provider, away, back, enrol } = await place(t, kind);
      const box = await enrol();
      t.match(await provider.boxes(), [{ id: box.id, state: 'online', gaps: 0 }]);
      const root = path.join(provider.directory, 'ca/root.crt');
      t.match(await verified(box, root), { status: 0, stdout: /the provider's receipt is right/ });
      t.match(await verified(box, root, { keep: 1 }), { status: 1, stdout: /the end was cut off/ });
      await away();
      const gone = await box.until(({ link, health }) => !link.online && health.waiting >= 2);
      // As after hours: more than one message holds, so that it is replayed at its moment.
      const { outbox, clock } = box.agent?.rooms() ?? {};
      for (let more = 0; more < 250; more += 1)
        await outbox?.add({ at: clock?.now() ?? 0, values: { 'system.uptime': more } });
      await back();
      await box.until(({ health }) => health.acknowledged > gone.health.lastSequence + 250);
      await provider.stop();
      const alone = box.agent?.status().health.lastSequence ?? 0;
      await box.until(({ health }) => health.lastSequence >= alone + 2);
      await provider.start();
      const before = box.agent?.status().health.lastSequence ?? 0;
      await box.until(({ health }) => health.acknowledged > before);
      t.match(await provider.boxes(), [{ id: box.id, state: 'online', gaps: 0 }]);
      t.match(box.agent?.status().health, { lost: 0, deadLetters: 0 });
      await box.stop();
      await provider.until(({ state }) => state === 'offline');
      await provider.stop();
      const [stored = []] = (await storedSamples(provider.directory)).values();
      t.ok(wholeUpTo(stored) >= before, 'all of it is here, once');
    },
  );

  t.test(`${kind}: a revoked box is cut off, does not come back, and is not listened to`, async (t) => {
    const { provider, enrol } = await place(t, kind);
    const [box, other] = [await enrol(), await enrol()];
    const left = box.until(({ link }) => !link.online).then(() => Date.now());
    const began = Date.now();
    await provider.api(`/v1/boxes/${box.id}/revoke`, { method: 'POST', body: {} });
    const took = (await within(left, 'the end of the session')) - began;
    t.ok(took < (kind === 'aedes' ? 1000 : 5000), `cut after ${took} ms`);
    t.match(await provider.api(`/v1/boxes/${box.id}`), { state: 'revoked', cut: 'cut' });
    await box.until(({ refusals }) => refusals.some(({ code }) => /^(box-revoked|link-refused)$/.test(code)));
    const reached = other.agent?.status().health.acknowledged ?? 0;
    await other.until(({ health, link }) => link.online && health.acknowledged > reached);
    t.notOk(box.agent?.status().link.online, 'others are let in, and it is not');
  });

  t.test(`${kind}: what the rule forbids does nothing`, async (t) => {
    const { provider, enrol } = await place(t, kind);
    const [thief, neighbour] = [await enrol(), await enrol()];
    const taken = await takenFrom(thief);
    await thief.stop();
    const clients: MqttClient[] = [];
    t.teardown(() => Promise.all(clients.map((client) => client.endAsync(true))));
    /** Undefined when it is not let in. */
    async function connect(options: IClientOptions = {}): Promise<MqttClient | undefined> {
      const client = mqtt.connect(provider.urls().broker, {
        ...{ ...taken, clientId: thief.id, username: thief.id, protocolVersion: 4, reconnectPeriod: 0, ...options },
      });
      clients.push(client);
      client.on('error', () => {});
      return new Promise((resolve) => {
        client.once('connect', () => resolve(client));
        client.once('close', () => resolve(undefined));
      });
    }
    /** Whatever was on its way has come when a box that came later has been heard. */
    async function neighbourIsHeard(): Promise<void> {
      const reached = neighbour.agent?.status().health.lastSequence ?? 0;
      await neighbour.until(({ health, link }) => link.online && health.acknowledged > reached);
    }
    const since = neighbour.agent?.status().link.since;

    const spy = await connect();
    const heard: string[] = [];
    spy?.on('message', (topic) => heard.push(topic));
    const everything = ['#', 'wz/1/#', `${subtree(neighbour.id, 'down')}/#`, '$share/provider/wz/1/+/+/up/#', '$SYS/#'];
    for (const filter of everything) await spy?.subscribeAsync(filter, { qos: 1 }).catch(() => {});
    await neighbourIsHeard();
    await neighbourIsHeard();
    t.strictSame(heard, [], 'nothing of others is heard, and nothing of theirs is swallowed');
    await spy?.endAsync(true);

    for (const topic of [up(neighbour.id, 'health'), `${subtree(neighbour.id, 'down')}/ack`, 'wz/1/00/x/up/health']) {
      const client = await connect();
      client?.publish(topic, health(100_000, 100_000), { qos: 1 });
      await neighbourIsHeard();
      await client?.endAsync(true);
    }
    await connect({ clientId: neighbour.id, username: neighbour.id });
    await connect({ clientId: neighbour.id });
    await neighbourIsHeard();
    t.equal(neighbour.agent?.status().link.since, since, 'the session of the neighbour is the same all along');
    const seen = await provider.boxes();
    t.equal(seen.find(({ id }) => id === neighbour.id)?.gaps, 0, 'nothing was stored in its name');
    t.match(neighbour.agent?.status().health, { lost: 0, deadLetters: 0 });

    t.equal(await connect({ cert: undefined, key: undefined } as IClientOptions), undefined, 'no certificate');
    const shouted = await connect();
    shouted?.publish(`${subtree(thief.id, 'up')}/anything`, 'x', { qos: 1, retain: true });
    await neighbourIsHeard();
    if (kind === 'aedes') await provider.happened(({ code, box }) => code === 'publish-outside' && box === thief.id);
  });
}

t.test(
  'mosquitto without its helper: the operator is told that the box is not cut, and it is cut once the helper is back',
  async (t) => {
    const { provider, mosquitto, enrol } = await place(t, 'mosquitto');
    const box = await enrol();
    await mosquitto?.helper.stop();
    await provider.api(`/v1/boxes/${box.id}/revoke`, { method: 'POST', body: {} });
    await provider.happened(({ code, box: id }) => code === 'box-not-cut' && id === box.id);
    t.match(await provider.api(`/v1/boxes/${box.id}`), { state: 'revoked', cut: 'not-cut' });
    const shown = await askCommand('webizen-provider', ['box', 'show', box.id, '--dir', provider.directory]);
    t.match(shown.stdout, 'not cut');
    t.ok(box.agent?.status().link.online, 'the broker still has its session');
    await provider.happened(({ code, box: id }) => code === 'box-revoked' && id === box.id);
    t.pass('what it says is dropped meanwhile');
    await mosquitto?.helper.start();
    await box.until(({ link }) => !link.online);
    await provider.happened(({ type, box: id }) => type === 'cut' && id === box.id);
  },
);

t.test(
  'mosquitto with MQTT 5: a box reports and is acknowledged, and the provider sees what is retained',
  async (t) => {
    const provider = await testProvider(t);
    const mosquitto = await testMosquitto(t, provider.directory, 5);
    provider.useBroker(mosquitto.outside);
    await provider.start();
    const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
    await box.start();
    const { box: id } = await box.until(({ health: { acknowledged } }) => acknowledged > 0);
    await box.stop();
    const client = await mqtt.connectAsync(mosquitto.outside.url, { ...(await takenFrom(box)), protocolVersion: 5 });
    await client.publishAsync(up(id ?? '', 'health'), health(90_000, 90_000), { qos: 1, retain: true });
    await provider.happened(({ code, box }) => code === 'retain-refused' && box === id);
    await client.endAsync();
  },
);

/** They wait for the clock more than for each other. */
t.jobs = 2;
for (const kind of ['aedes', 'mosquitto'])
  t.test(`${kind}: the CA is rolled, issuing and root, and no box is touched`, { buffered: true }, async (t) => {
    const { provider, enrol } = await place(t, kind, '10s');
    const box = await enrol();
    const roll = async (what: string) => {
      const made = await askCommand('webizen-provider', ['ca', 'roll', what, '--again', '--dir', provider.directory]);
      t.equal(made.status, 0, made.stderr);
    };
    let serial = box.agent?.status().certificate?.serial;
    for (const what of ['issuing', 'root']) {
      await roll(what);
      // The first after the roll may have been asked for before it.
      for (let count = 0; count < 2; count += 1) {
        const status = await box.until(({ certificate, link }) => link.online && certificate?.serial !== serial);
        serial = status.certificate?.serial;
      }
      const reached = box.agent?.status().health.lastSequence ?? 0;
      await box.until(({ health, link }) => link.online && health.acknowledged > reached);
      const pem = await readFile(path.join(box.dataDir, 'identity', 'operational.pem'), 'utf8');
      const chain = pem.match(/BEGIN CERTIFICATE/g)?.length;
      t.equal(chain, what === 'issuing' ? 2 : 3, `renewed under the new ${what} CA`);
    }
    const held = await readFile(path.join(box.dataDir, 'identity', 'roots.crt'), 'utf8');
    t.equal(held.match(/BEGIN CERTIFICATE/g)?.length, 2, 'the new root is held beside the old');
    const another = await enrol();
    t.not(another.id, box.id, 'a box that pins the first root enrols');
    t.match(
      (await provider.boxes()).map(({ gaps }) => gaps),
      [0, 0],
    );
  });
