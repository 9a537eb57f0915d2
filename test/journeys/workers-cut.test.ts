/**
 * The network between each two of boxes, broker, workers and database is cut, one after the other: machines are network
 * namespaces, and what is on its way at a cut is gone without a word. After each, every sequence of every box is counted.
 */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { ownFolder } from '../support/folder.js';
import { testNetwork } from '../support/network.js';
import { openFleet } from '../support/workers.js';

t.test('a network that is cut between each two loses nothing and doubles nothing', async (t) => {
  const { here, machine, cable } = testNetwork(t);
  const [broker, ...workers] = [machine(), machine(), machine()];
  const boxes = cable(here, broker);
  const lines = workers.map((worker) => ({
    worker,
    toDatabase: cable(worker, here),
    toBroker: cable(worker, broker),
  }));
  const [first, second] = lines;
  if (!first || !second) throw new Error('two workers were asked for');
  const folder = await ownFolder(t);
  await chmod(folder, 0o755);
  const hba = path.join(folder, 'hba');
  await writeFile(hba, 'host all all all scram-sha-256\n', { mode: 0o644 });
  const fleet = await openFleet(t, {
    boxes: 20,
    broker: { run: broker.run, hosts: [boxes.ends[1], first.toBroker.ends[1], second.toBroker.ends[1]] },
    settings: { listen_addresses: '*', hba_file: hba },
  });
  const { port } = new URL(fleet.mosquitto.outside.url);
  const [one, two] = await Promise.all(
    [first, second].map(({ worker, toBroker, toDatabase }, place) =>
      fleet.worker(place + 1, {
        run: worker.run,
        broker: `mqtts://${toBroker.ends[1]}:${port}`,
        database: fleet.database.replace('127.0.0.1', toDatabase.ends[1]),
      }),
    ),
  );
  if (!one || !two) throw new Error('two workers were asked for');
  const whole = async (what: string) => {
    const { samples, wrong } = await fleet.counted();
    t.strictSame(wrong, [], `${what}: ${samples} samples, none lost and none doubled`);
  };
  await fleet.shared(one.name, two.name);
  await fleet.moved();

  first.toDatabase.cut();
  await fleet.shared(two.name);
  await fleet.moved();
  first.toDatabase.mend();
  await fleet.shared(one.name, two.name);
  await fleet.moved();
  await whole('worker and database');

  first.toBroker.cut();
  await fleet.shared(two.name);
  await fleet.moved();
  first.toBroker.mend();
  await fleet.shared(one.name, two.name);
  await fleet.moved();
  await whole('worker and broker');

  boxes.cut();
  const before = fleet.boxes.map((box) => box.covered());
  await fleet.silent();
  boxes.mend();
  await Promise.all(fleet.boxes.map((box, place) => box.until((before[place] ?? 0) + 1)));
  await fleet.moved();
  await whole('boxes and broker');

  for (const { toDatabase, toBroker } of lines) {
    toDatabase.cut();
    toBroker.cut();
  }
  await fleet.shared();
  for (const { toDatabase, toBroker } of lines) {
    toDatabase.mend();
    toBroker.mend();
  }
  await fleet.shared(one.name, two.name);
  await fleet.moved();
  await whole('every worker and everything');
});
