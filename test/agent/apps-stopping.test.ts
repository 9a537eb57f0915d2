/** Apps at the end of the machine: asked all at once, waited for within bounds, and left alone where only the agent ends. */
import { pino } from 'pino';
import t from 'tap';
import { stopApps, stopWithMachine } from '../../agent/apps-stopping.js';
import { createManualClock } from '../support/manual-clock.js';

const log = pino({ level: 'silent' });

t.test('where the machine goes down all end; where the agent alone does, all run on', async (t) => {
  const clock = createManualClock();
  let runs = ['one', 'two'];
  const runner = {
    leftovers: async () => runs.map((id) => ({ id, release: 'r' })),
    async stop(id: string) {
      runs = runs.filter((one) => one !== id);
    },
  };
  await stopWithMachine(runner, { clock, goesDown: async () => false }, log);
  t.same(runs, ['one', 'two']);
  await stopWithMachine(runner, { clock, goesDown: async () => true }, log);
  t.same(runs, []);
  t.equal(clock.held().sleepers, 0, 'nobody waits any more');
  await stopWithMachine(undefined, { clock, goesDown: async () => true }, log);
});

t.test('one that does not end, or an engine that does not answer, holds nothing up for longer than so', async (t) => {
  const clock = createManualClock();
  const asked: string[] = [];
  const runner = {
    leftovers: async () => ['stuck', 'gone', 'good'].map((id) => ({ id, release: 'r' })),
    stop(id: string) {
      asked.push(id);
      if (id === 'stuck') return new Promise<void>(() => {});
      return id === 'gone' ? Promise.reject(new Error('there is no such container')) : Promise.resolve();
    },
  };
  const ended = stopApps(runner, { clock, log, withinMilliseconds: 1000 });
  await clock.sleeping();
  await clock.pass(1000);
  await ended;
  t.same(asked, ['stuck', 'gone', 'good']);
  await stopApps(
    { ...runner, leftovers: () => Promise.reject(new Error('no answer')) },
    { clock, log, withinMilliseconds: 1 },
  );
});
