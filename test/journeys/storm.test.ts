/**
 * The power comes back to a city: every box of it connects at the same moment, while the broker still holds the sessions
 * that the power cut left. All come back, and nothing is lost or doubled: each sequence is counted in the store.
 */
import { once } from 'node:events';
import t from 'tap';
import { testMosquitto } from '../support/mosquitto.js';
import { testPostgres } from '../support/postgres.js';
import { testProvider } from '../support/provider.js';
import { countStored, enterBoxes, simulationOf } from '../support/simulated.js';

/** `make soak` has 10,000. */
const count = Number(process.env.BOXES ?? 2000);
const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1);

const provider = await testProvider(t);
const identities = await enterBoxes(provider.directory, count);
const { signal } = new AbortController();

for (const [kind, store] of [
  ['aedes', 'level'],
  ['mosquitto', 'PostgreSQL'],
]) {
  t.test(
    `${kind} and ${store}: ${count} boxes come back at once after a blackout, and no sample is lost or doubled`,
    async (t) => {
      const mosquitto = kind === 'mosquitto' ? await testMosquitto(t, provider.directory) : undefined;
      if (mosquitto) provider.useBroker(mosquitto.outside);
      const postgres = store === 'PostgreSQL' ? await testPostgres(t, { fsync: 'off' }) : undefined;
      const database = postgres?.create('fleet');
      const running = await provider.spawn(database === undefined ? [] : ['--database', database]);
      t.teardown(() => running.kill('SIGKILL'));
      const broker = mosquitto?.outside.url ?? `mqtts://127.0.0.1:${Number(new URL(provider.est).port) + 1}`;
      const simulation = await simulationOf(provider.directory, broker, identities, { atOnce: count });
      t.teardown(() => simulation.stop());

      const began = performance.now();
      await simulation.live(signal, simulation.complete);
      t.comment(`${count} boxes were there after ${seconds(began)} s`);
      const before = simulation.tally.connections;
      const failed = performance.now();
      await simulation.blackout(signal);
      t.comment(`${count} boxes were back after ${seconds(failed)} s`);
      t.ok(simulation.tally.connections > before + count * 0.95, 'all but a few whose Wi-Fi is weak are there again');
      const reached = simulation.boxes.map(({ book }) => book.last);
      const isPast = () => simulation.boxes.every(({ book }, index) => book.covered > (reached[index] ?? 0));
      await simulation.live(signal, isPast);
      t.ok(await simulation.drain(signal), 'all that was taken is acknowledged');
      t.match(await provider.boxes(), [{ state: 'online', gaps: 0 }]);
      await simulation.stop();
      // A weak Wi-Fi loses sessions, and on a slow machine a handshake is tried again; nothing that is said may be refused.
      for (const [reason, times] of simulation.tally.reasons) {
        t.comment(`${reason}: ${times} times`);
        t.notOk(reason.startsWith('refused'), reason);
      }

      const ended = once(running, 'exit');
      running.kill('SIGTERM');
      await ended;
      const { expected, stored, missing, doubled } = await countStored(provider.directory, simulation, database);
      t.ok(expected > count);
      t.match(
        { stored, missing, doubled },
        { stored: expected, missing: 0, doubled: 0 },
        'every sequence is here, once',
      );
    },
  );
}
