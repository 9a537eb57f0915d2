/**
 * A provider in several processes, through what befalls it: real workers, a real mosquitto, a real PostgreSQL, boxes that
 * never rest. After each, every sequence of every box is counted in the database.
 */
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { BoxDetail } from '#contract/operator.js';
import { testBox } from '../support/box.js';
import { testMosquitto } from '../support/mosquitto.js';
import { testPostgres } from '../support/postgres.js';
import { testProvider } from '../support/provider.js';
import { type Fleet, openFleet, startWorker } from '../support/workers.js';

async function whole(t: Test, { counted }: Fleet): Promise<void> {
  const { samples, wrong } = await counted();
  t.strictSame(wrong, [], `${samples} samples, none lost and none doubled`);
}

t.test('of what boxes report nothing is lost and nothing doubled', async (t) => {
  const fleet = await openFleet(t, { boxes: 50 });
  let [first, second, third] = await Promise.all([1, 2, 3].map((number) => fleet.worker(number)));
  if (!first || !second || !third) throw new Error('three workers were asked for');
  await fleet.shared(first.name, second.name, third.name);
  await fleet.moved();
  t.ok((await second.metrics()).get('webizen_worker_shards'));

  t.comment('a worker stops in order: it gives back what it has');
  third.signal('SIGTERM');
  t.equal(await third.ended, 0);
  await fleet.shared(first.name, second.name);
  await fleet.moved();
  await whole(t, fleet);

  t.comment('a worker stands still for longer than its lease, and goes on with what it held');
  first.signal('SIGSTOP');
  await fleet.shared(second.name);
  await fleet.moved();
  first.signal('SIGCONT');
  await fleet.shared(first.name, second.name);
  await fleet.moved();
  t.ok(((await first.metrics()).get('webizen_worker_shard_moves_total{what="lost"}') ?? 0) > 0);
  await whole(t, fleet);

  t.comment('the database is killed, and then away for longer than a lease');
  await fleet.postgres.kill();
  await fleet.postgres.start();
  await fleet.moved();
  await fleet.postgres.stop();
  // Both let go by their own clocks: nothing else can tell them.
  while ((await Promise.all([first.metrics(), second.metrics()])).some((counts) => counts.get('webizen_worker_shards')))
    await systemClock.sleep(50); // a look, not an event
  await fleet.postgres.start();
  await fleet.shared(first.name, second.name);
  await fleet.moved();
  await whole(t, fleet);

  t.comment('the broker is away');
  await fleet.mosquitto.stop();
  await fleet.mosquitto.start();
  await fleet.moved();
  await whole(t, fleet);

  t.comment('a worker is killed, and then the other one too');
  first.signal('SIGKILL');
  await fleet.shared(second.name);
  await fleet.moved();
  second.signal('SIGKILL');
  [second, third] = await Promise.all([fleet.worker(2), fleet.worker(4)]);
  if (!second || !third) throw new Error('two workers were asked for');
  await fleet.shared(second.name, third.name);
  await fleet.moved();
  await whole(t, fleet);
});

/** A control process, and a box that an owner could have. */
async function control(t: Test, here: boolean) {
  const postgres = await testPostgres(t);
  const database = postgres.create('fleet');
  const provider = await testProvider(t, { provider: { database: { url: database }, workers: { here } } });
  const mosquitto = await testMosquitto(t, provider.directory);
  provider.useBroker(mosquitto.outside);
  await provider.start();
  if (!here) await startWorker(t, { directory: provider.directory, broker: mosquitto.outside.url, database }, 1);
  const owned = () => postgres.ask('fleet', 'SELECT count(*) FROM shards WHERE owner IS NOT NULL');
  while (owned() !== '256') await systemClock.sleep(100); // a look, not an event
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  const { id } = await provider.until(({ state }) => state === 'online');
  await box.until(({ health }) => health.acknowledged > 0);
  t.match(await provider.api(`/v1/boxes/${id}`), { state: 'online', gaps: 0, birth: { kind: 'birth' } });
  const { ledger } = box.agent?.rooms() ?? {};
  while (!(await ledger?.export())?.receipt) await systemClock.sleep(20); // a look, not an event
  return {
    ...{ provider, box },
    async revoke() {
      const left = box.until(({ link }) => !link.online);
      await provider.api(`/v1/boxes/${id}/revoke`, { method: 'POST', body: {} });
      await left;
      const shown = () => provider.api<BoxDetail>(`/v1/boxes/${id}`);
      while ((await shown()).cut !== 'cut') await systemClock.sleep(50); // a look, not an event
      t.equal((await shown()).state, 'revoked');
    },
  };
}

t.test('a box comes in at the control process, reports to a worker, and is seen, receipted and cut off', async (t) => {
  const { provider, box, revoke } = await control(t, false);
  await provider.stop();
  const reached = box.agent?.status().health.lastSequence ?? 0;
  await box.until(({ health }) => health.acknowledged > reached);
  await provider.start();
  await provider.until(({ state }) => state === 'online');
  await revoke();
});

t.test('a control process that is a worker too does all of it', async (t) => {
  const { revoke } = await control(t, true);
  await revoke();
});
