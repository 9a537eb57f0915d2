import t from 'tap';
import { createArrivals } from '#common/arrivals.js';
import { systemClock } from '#common/clock.js';

const full = () => new Error('too many');
const { signal } = new AbortController();
const long = { milliseconds: 600_000, signal, caller: 'acme', most: 1, full };
const turn = () => new Promise(setImmediate);

t.test('what comes while somebody looks is not waited for', async (t) => {
  const arrivals = createArrivals(systemClock);
  const shelf: string[] = [];
  const found = await arrivals.look('visits', long, async () => {
    const seen = [...shelf]; // as a store answers: what stood there when it was asked
    if (shelf.length === 0) {
      shelf.push('one');
      arrivals.tell('visits');
    }
    return seen;
  });
  t.same(found, ['one']);
});

t.test('who finds nothing waits for their own word, and for no longer than is asked', async (t) => {
  const arrivals = createArrivals(systemClock);
  const shelf: string[] = [];
  const look = async () => [...shelf];
  const asked = arrivals.look('visits', long, look);
  const gone = new AbortController();
  const other = arrivals.look('notes', { ...long, caller: 'other', signal: gone.signal }, look);
  await turn();
  await t.rejects(arrivals.look('notes', long, look), { message: 'too many' }, 'one caller waits so often at once');
  t.same(await arrivals.look('visits', { ...long, milliseconds: 0 }, look), [], 'and may ask all the same');
  shelf.push('one');
  arrivals.tell('visits');
  t.same(await asked, ['one']);
  let isOver = false;
  void other.then(() => {
    isOver = true;
  });
  await turn();
  t.notOk(isOver, 'the other was not meant');
  shelf.length = 0;
  gone.abort();
  t.same(await other, [], 'who has gone waits no more');
  t.same(await arrivals.look('visits', { ...long, milliseconds: 1 }, look), []);

  const last = arrivals.look('visits', long, look);
  await turn();
  arrivals.stop();
  t.same(await last, []);
  t.same(await arrivals.look('visits', long, look), [], 'once it has stopped nobody waits');
});
