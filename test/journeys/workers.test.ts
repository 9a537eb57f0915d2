/**
 * A provider in several processes, through what befalls it: real workers, a real mosquitto, a real PostgreSQL, boxes that
 * never rest. After each, every sequence of every box is counted in the database.
 */
import t, { type Test } from 'tap';
import { type Fleet, openFleet } from '../support/workers.js';

const boxes = 50;

async function whole(t: Test, fleet: Fleet): Promise<void> {
  const counted = await fleet.counted();
  t.strictSame(counted.wrong, [], `${counted.samples} samples, none lost and none doubled`);
  t.equal(counted.boxes, boxes);
  t.ok(counted.samples > boxes);
}

t.test('workers share the boxes, and one that leaves in order or is killed is taken over', async (t) => {
  const fleet = await openFleet(t, { boxes });
  const first = await fleet.worker(1);
  await fleet.shared(first.name);
  await fleet.moved();
  const second = await fleet.worker(2);
  const third = await fleet.worker(3);
  await fleet.shared(first.name, second.name, third.name);
  await fleet.moved();
  t.ok((await second.metrics()).get('webizen_worker_shards'));

  third.signal('SIGTERM');
  t.equal(await third.ended, 0);
  t.strictSame([...fleet.shares().keys()].includes(third.name), false, 'its shards were given back');
  await fleet.shared(first.name, second.name);
  await fleet.moved();

  first.signal('SIGKILL');
  await fleet.shared(second.name);
  await fleet.moved();

  second.signal('SIGKILL');
  const fourth = await fleet.worker(4);
  const fifth = await fleet.worker(2);
  await fleet.shared(fourth.name, fifth.name);
  await fleet.moved();
  await whole(t, fleet);
});

t.test(
  'a worker that stands still for longer than its lease stores nothing of what is no longer its own',
  async (t) => {
    const fleet = await openFleet(t, { boxes });
    const [slow, other] = [await fleet.worker(1), await fleet.worker(2)];
    await fleet.shared(slow.name, other.name);
    await fleet.moved();
    slow.signal('SIGSTOP');
    await fleet.shared(other.name);
    await fleet.moved();
    slow.signal('SIGCONT');
    await fleet.shared(slow.name, other.name);
    await fleet.moved();
    t.ok(((await slow.metrics()).get('webizen_worker_shard_moves_total{what="lost"}') ?? 0) > 0);
    await whole(t, fleet);
  },
);

t.test('the database is killed and comes back, and stays away for longer than a lease', async (t) => {
  const fleet = await openFleet(t, { boxes });
  const [first, second] = [await fleet.worker(1), await fleet.worker(2)];
  await fleet.shared(first.name, second.name);
  await fleet.moved();
  await fleet.postgres.kill();
  await fleet.postgres.start();
  await fleet.moved();
  await fleet.postgres.restart();
  await fleet.moved();
  await fleet.shared(first.name, second.name);
  await whole(t, fleet);
});

t.test('the broker is away and comes back', async (t) => {
  const fleet = await openFleet(t, { boxes });
  const [first, second] = [await fleet.worker(1), await fleet.worker(2)];
  await fleet.shared(first.name, second.name);
  await fleet.moved();
  await fleet.mosquitto.stop();
  await fleet.mosquitto.start();
  await fleet.moved();
  await whole(t, fleet);
});
