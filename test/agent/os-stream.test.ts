/** A system that is installed while it is fetched: what travels, what is refused, and what is done where it does not work. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Refusal } from '#contract/problems.js';
import { openStream, type Pieces, partIn, type StreamedBundle } from '../../agent/updates/stream.js';
import { createManualClock } from '../support/manual-clock.js';
import type { OsBox } from '../support/os-box.js';
import { streamedBundle } from '../support/os-release.js';
import { osTrial } from '../support/os-trial.js';
import { machineIn } from '../support/two-slots.js';

t.setTimeout(300_000);

const trial = (t: Test, machine: { cannotStream?: boolean } = {}) => osTrial(t, { machine, bundleOf: streamedBundle });
const problems = (box: OsBox): (string | undefined)[] => box.changes.list().map(({ problem }) => problem?.code);

t.test('a release that says its bundle’s signature is installed as it comes, with no room on the disk', async (t) => {
  const a = await trial(t);
  const box = await a.open({ more: { freeBytes: () => 0 } });
  await a.select('1.1.0');
  await box.until(({ next }) => next?.stage === 'restarting');
  t.same(await readdir(path.join(box.dataDir, 'os')), []);
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
  t.equal(machineIn(a.folder).slots.B.version, '1.1.0');
  t.same(a.asked, [], 'it was never fetched as a whole');
  t.equal(
    a.parts.filter(({ end }) => end === a.catalogue.bytes.length).length,
    1,
    'its end was fetched once, and held against the release',
  );
});

t.test('an end that its publisher did not sign is refused before the installer hears of it', async (t) => {
  const a = await trial(t);
  a.catalogue.altered = (bytes, first) => (first > 1_000_000 ? Buffer.alloc(bytes.length, 0x30) : bytes);
  const box = await a.open();
  await a.select('1.1.0');
  await box.until(({ next }) => next?.why === 'failed-lately');
  t.match(box.updates.owner.view().last, { outcome: 'failed', code: 'os-bundle-mismatch' });
  t.match(machineIn(a.folder).slots.B, { version: null, installs: 0 });
});

t.test('a part that is not what was signed is found, and the whole is fetched then, once for all', async (t) => {
  const a = await trial(t);
  a.catalogue.altered = (bytes, first) => (first === 500_000 ? Buffer.alloc(bytes.length) : bytes);
  const box = await a.open();
  await a.select('1.1.0');
  const after = await a.restarted();
  await after.until(({ last }) => last !== null);
  t.match(after.updates.owner.view().last, { version: '1.1.0', outcome: 'done' });
  t.same(a.asked, [0]);
  t.same(problems(box).sort(), ['os-not-streamed', undefined]);
  t.match(box.updates.reported().last, null, 'the provider is not told that it failed');
});

t.test('where nothing can be streamed the whole is fetched, which needs room', async (t) => {
  const a = await trial(t, { cannotStream: true });
  const free = { bytes: 0 };
  const box = await a.open({ more: { freeBytes: () => free.bytes } });
  await a.select('1.1.0');
  await box.until(({ next }) => next?.why === 'no-room');
  t.same(problems(box), ['os-not-streamed']);
  free.bytes = 1e12;
  box.updates.look();
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
  t.equal(after.changes.list().length, 2);
});

t.test('a network that is gone for long makes it try again, and the release is not to blame', async (t) => {
  const a = await trial(t);
  let isGone = true;
  a.catalogue.altered = (bytes, first) => {
    if (first !== 500_000 || !isGone) return bytes;
    isGone = false;
    throw new Refusal('est-unreachable', 'gone');
  };
  // Minutes go by between any two looks at the time.
  let minutes = 0;
  const late = () => {
    minutes += 1;
    return minutes * 300_000;
  };
  const box = await a.open({ more: { monotonic: late } });
  await a.select('1.1.0');
  const after = await a.restarted();
  await after.until(({ last }) => last?.outcome === 'done');
  t.same(a.asked, []);
  t.ok(box.refused.some(({ code }) => code === 'est-unreachable'));
  t.equal(after.changes.list().length, 1, 'one change');
});

t.test('a selection that is taken back ends it at once', async (t) => {
  const a = await trial(t);
  let reached = (): void => {};
  const isThere = new Promise<void>((resolve) => {
    reached = resolve;
  });
  a.catalogue.altered = (bytes, first) => {
    if (first !== 500_000) return bytes;
    reached();
    return new Promise(() => {});
  };
  const box = await a.open();
  await a.select('1.1.0');
  await isThere;
  a.catalogue.selection = undefined;
  await box.updates.ask();
  const [change] = box.changes.list();
  await box.changes.ended(change!.id);
  t.match(box.changes.show(change!.id), { state: 'undone', problem: null });
  t.match(box.updates.owner.view(), { next: null, last: null });
  t.match(machineIn(a.folder), { order: ['A', 'B'], slots: { B: { version: null, isGood: false } } });
});

interface Bench {
  bytes: Buffer;
  clock: ReturnType<typeof createManualClock>;
  open(read?: Pieces['read']): ReturnType<typeof openStream>;
}
function bench(t: Test): Bench {
  const { bytes, bundle } = streamedBundle('1.1.0');
  const clock = createManualClock();
  return {
    ...{ bytes, clock },
    async open(read = async (first, end) => bytes.subarray(first, end)) {
      const stream = await openStream({
        bundle: bundle as StreamedBundle,
        pieces: { read, close() {} },
        clock,
        monotonic: clock.now,
        signal: new AbortController().signal,
        onProgress: () => {},
      });
      t.teardown(() => stream.close());
      return stream;
    },
  };
}
const ask = (url: string, range?: string, method = 'GET') =>
  fetch(url, { method, headers: { connection: 'close', ...(range && { range: `bytes=${range}` }) } });

t.test('it answers parts, on this machine alone, to whoever knows the address, and is gone afterwards', async (t) => {
  const { bytes, open } = bench(t);
  const { url, close } = await open();
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{48}$/);
  const size = bytes.length;
  for (const [first, end] of [
    [0, 4],
    [4096, 70_000],
    [size - 8, size],
    [size - 200, size - 4],
  ] as const) {
    const reply = await ask(url, `${first}-${end - 1}`);
    t.equal(reply.status, 206);
    t.equal(reply.headers.get('content-range'), `bytes ${first}-${end - 1}/${size}`);
    t.same(Buffer.from(await reply.arrayBuffer()), bytes.subarray(first, end), `${first}-${end}`);
  }
  for (const range of [undefined, '0-', '-8', '5-4', `0-${size}`, '0-1,4-5'])
    t.equal((await ask(url, range)).status, 416);
  for (const other of [new URL('/', url).href, `${url}0`, url.slice(0, -1), `${url}?1`])
    t.equal((await ask(other, '0-3')).status, 404);
  t.equal((await ask(url, '0-3', 'POST')).status, 404);
  await close();
  await t.rejects(ask(url, '0-3'));
});

t.test('a part is asked for again while the network is away, for four minutes', async (t) => {
  const { bytes, clock, open } = bench(t);
  let isAway = false;
  const { url, fault } = await open(async (first, end) => {
    if (isAway) throw new Refusal('est-unreachable', 'away');
    return bytes.subarray(first, end);
  });
  isAway = true;
  const asked = ask(url, '0-3');
  for (let pause = 1; pause <= 3; pause += 1) clock.advance(await clock.sleeping());
  const pause = await clock.sleeping();
  isAway = false;
  clock.advance(pause);
  t.equal((await asked).status, 206);
  isAway = true;
  const since = clock.now();
  const both = Promise.all([ask(url, '0-3'), ask(url, '4-7')]);
  while (!fault()) clock.advance((await Promise.race([clock.sleeping(), both.then(() => 0)])) as number);
  t.same(
    (await both).map(({ status }) => status),
    [404, 404],
  );
  const waited = clock.now() - since;
  t.ok(waited > 200_000 && waited <= 240_000, `${waited} ms, within those of the kernel`);
  t.match(fault(), { code: 'est-unreachable' });
});

t.test('a server that is not itself for good is not asked again', async (t) => {
  const { bytes, open } = bench(t);
  const read: Pieces['read'] = async (first, end) => {
    if (first === 0) throw new Refusal('est-protocol', '200 for a part');
    return bytes.subarray(first, end);
  };
  const { url, fault } = await open(read);
  t.equal((await ask(url, '0-3')).status, 404);
  t.match(fault(), { code: 'est-protocol' });
});

t.test('of whatever is asked for, only parts that lie within and are small are given', (t) => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), (range, size) => partIn(range, size) === undefined || /^bytes=/.test(range)),
  );
  fc.assert(
    fc.property(fc.nat(1e9), fc.nat(1e9), fc.nat(1e9), (first, last, size) => {
      const found = partIn(`bytes=${first}-${last}`, size);
      const isGood = first <= last && last < size && last - first < 4 * 1024 ** 2;
      return isGood ? found?.first === first && found.end === last + 1 : found === undefined;
    }),
  );
  t.end();
});
