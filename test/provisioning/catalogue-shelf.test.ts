/** The catalogue's parts on a real disk and store: budgets, sweeps, what a cut or a restore leaves, and its parsers. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type Clock, systemClock } from '#common/clock.js';
import { compareVersions } from '#contract/manifest.js';
import { browse, matches, newestOf, wordsOf } from '../../provisioning/catalogue/browse.js';
import { countIn, hexOf, pieceOf, spanOf } from '../../provisioning/catalogue/headers.js';
import { createRegistry, type Listed } from '../../provisioning/catalogue/registry.js';
import { createShelf } from '../../provisioning/catalogue/shelf.js';
import { createUploads } from '../../provisioning/catalogue/uploads.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createRollouts } from '../../provisioning/rollouts/rollouts.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { ownFolder } from '../support/folder.js';

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const member = 'example-soft';

async function opened(t: Test, { free = 1e12 } = {}) {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  t.teardown(() => store.close());
  const room = { free };
  const clock = systemClock;
  const shelf = createShelf({ directory: path.join(folder, 'blobs'), store, clock });
  const directory = path.join(folder, 'uploads');
  const make = () =>
    createUploads({
      ...{ directory, shelf, clock, freeBytes: () => room.free, reserveBytes: 1000 },
      budgets: { unfinished: 1000, stored: 1500 },
    });
  const uploads = make();
  await shelf.open();
  await uploads.open();
  const give = (bytes: Buffer, { who = member, offset = 0, length = bytes.length, hex = hashOf(bytes) } = {}) =>
    uploads.append({ hex, member: who }, { offset, length }, Readable.from([bytes]));
  return { folder, store, clock, shelf, uploads, room, make, give };
}

t.test('a member has so many bytes unfinished and so many stored, and no more', async (t) => {
  const { give, shelf, make } = await opened(t);
  const hex = hashOf(Buffer.from('later'));
  await give(randomBytes(10), { hex, length: 600 });
  await t.rejects(give(randomBytes(500)), { code: 'upload-budget' }, 'what it will be counts, not what it is');
  await give(randomBytes(10), { hex, offset: 10, length: 600 });
  await give(randomBytes(400));
  await give(randomBytes(400));
  await t.rejects(give(randomBytes(200)), { code: 'upload-budget' }, 'stored and unfinished count together');
  t.equal(shelf.bytesOf(member), 800);
  await give(randomBytes(900), { who: 'another' });
  const found = make();
  await found.open();
  t.equal(await found.offset({ hex, member }), 20, 'it is found again by the next run');
});

t.test('nothing is begun that the disk has no room for', async (t) => {
  const { give, room } = await opened(t, { free: 1499 });
  await t.rejects(give(randomBytes(500)), { code: 'disk-full' });
  room.free = 1500;
  t.equal(await give(randomBytes(500)), 500);
});

t.test('a sweep takes what nobody needs, and nothing that is pinned, wanted or needed', async (t) => {
  const { give, shelf, uploads, store, folder } = await opened(t);
  const [pinned, needed, idle, lost] = [1, 2, 3, 4].map((size) => randomBytes(size * 10));
  const hexes = [pinned, needed, idle].map((bytes) => hashOf(bytes!));
  for (const bytes of [pinned, needed, idle]) await give(bytes!);
  await store.commit([
    { type: 'put', sublevel: store.blobUses, key: `${hexes[1]}!${'0'.repeat(64)}`, value: 'example.a' },
  ]);
  t.equal(await shelf.sweep(Date.now() - 60_000), 0, 'all of them were wanted a moment ago');
  const later = Date.now() + 60_000;
  await shelf.pin([hexes[0]!], async () => {
    t.equal(await shelf.sweep(later), 1);
    t.equal(await shelf.size(hexes[0]!), 10);
  });
  t.strictSame((await readdir(path.join(folder, 'blobs'))).sort(), [hexes[0], hexes[1]].sort());
  t.equal(shelf.bytesOf(member), 30);
  t.equal(await shelf.size(hexes[2]!), undefined);
  t.equal(await give(idle!), 30, 'it can come again');

  await rm(shelf.fileOf(hexes[1]!)); // as after a restore
  t.equal(await shelf.size(hexes[1]!), undefined);
  await give(needed!);
  t.equal(await shelf.size(hexes[1]!), 20);
  t.equal(shelf.bytesOf(member), 60, 'and is counted once');

  const half = { hex: hashOf(lost!), member };
  await give(lost!.subarray(0, 5), { hex: half.hex, length: 40 });
  await uploads.sweep(Date.now() - 60_000);
  t.equal(await uploads.offset(half), 5);
  await utimes(path.join(folder, 'uploads', `${member}!${half.hex}`), 1, 1);
  await uploads.sweep(Date.now() - 60_000);
  t.equal(await uploads.offset(half), 0);
});

t.test('a publication that pins while a sweep is under way finds either the blob or its absence', async (t) => {
  const { give, shelf } = await opened(t);
  const all = Array.from({ length: 30 }, () => randomBytes(20));
  for (const bytes of all) await give(bytes);
  const sweep = shelf.sweep(Date.now() + 60_000);
  const seen = await Promise.all(
    all.map((bytes) =>
      shelf.pin([hashOf(bytes)], async () => {
        const before = await shelf.size(hashOf(bytes));
        await sweep;
        return { before, after: await shelf.size(hashOf(bytes)) };
      }),
    ),
  );
  for (const { before, after } of seen) t.equal(after, before);
});

t.test('a range is one that lies inside, or is not taken for one', async (t) => {
  const sizes = fc.integer({ min: 1, max: 2 ** 40 });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `bytes=${text}`),
      ),
      sizes,
      (header, size) => {
        const span = spanOf(header, size);
        return typeof span === 'string' || (span.first >= 0 && span.first <= span.last && span.last < size);
      },
    ),
  );
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(), (size, first, more) => {
      const span = spanOf(`bytes=${first}-${first + more}`, size);
      return first < size
        ? typeof span === 'object' && span.first === first && span.last === Math.min(first + more, size - 1)
        : span === 'none';
    }),
  );
  const of = (header: string) => spanOf(header, 10);
  t.strictSame(of('bytes=-3'), { first: 7, last: 9 });
  t.strictSame(of('bytes=-30'), { first: 0, last: 9 });
  t.strictSame([of('bytes=-0'), of('bytes=10-'), of('bytes=5-4')], ['none', 'none', 'all']);
  t.strictSame([of('bytes=0-1,3-4'), of('lines=0-1'), spanOf(undefined, 10)], ['all', 'all', 'all']);
});

t.test('a piece of an upload is two whole numbers that fit', async (t) => {
  const headers = fc.record({ 'upload-offset': fc.anything(), 'upload-length': fc.anything() }, { requiredKeys: [] });
  fc.assert(
    fc.property(headers, (given) => {
      const piece = pieceOf(given);
      return piece === undefined || (piece.offset <= piece.length && piece.length > 0);
    }),
  );
  fc.assert(fc.property(fc.maxSafeNat(), (count) => count > 1e15 - 1 || countIn(String(count)) === count));
  for (const wrong of ['', ' 1', '1 ', '+1', '-1', '1e3', '0x1', '1.0', '9'.repeat(16), ['1'], 1, undefined])
    t.equal(countIn(wrong), undefined, JSON.stringify(wrong));
  fc.assert(fc.property(fc.string(), (text) => hexOf(text) === undefined));
  t.equal(hexOf(`sha256:${'a'.repeat(64)}`), 'a'.repeat(64));
});

function registryOf(store: Store, clock: Clock) {
  const events = createEventLog({ store, clock });
  const rollouts = createRollouts({ store, clock, events });
  return { rollouts, registry: createRegistry({ store, clock, events, rollouts }) };
}

const listed = (more: Partial<Listed> = {}): Listed => ({
  ...{ id: '0'.repeat(64), app: 'example.visits', version: '1.0.0', channel: 'stable', architecture: 'arm64' },
  ...{ member, name: { en: 'Visits' }, summary: { en: 'Counts' }, sizeBytes: 1, publishedAt: 1, private: false },
  ...more,
});

t.test('a cursor of anybody else is refused, whatever stands in it', async (t) => {
  const { store, clock } = await opened(t);
  const { registry, rollouts } = registryOf(store, clock);
  const members = { find: () => undefined };
  const page = (cursor: string) => browse({ box: 'box-1', query: 'a', cursor }, { registry, members, rollouts });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.base64String()), async (cursor) => {
      const code = await page(cursor).then(
        () => 'taken',
        (error: { code?: string }) => error.code,
      );
      return code === 'cursor-invalid';
    }),
  );
  t.strictSame(await browse({ box: 'box-1', query: 'a' }, { registry, members, rollouts }), {
    entries: [],
    cursor: null,
  });
});

t.test('a listing goes on, page by page, for the query that it was begun for', async (t) => {
  const { store, clock } = await opened(t);
  const { registry, rollouts } = registryOf(store, clock);
  const jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'kid' } as const;
  const members = { find: () => ({ id: member, name: 'Example Soft', standing: 'good', level: 1, jwk }) as const };
  const ids = Array.from({ length: 53 }, (_, at) => `example.n${String(at).padStart(2, '0')}`);
  const add = (app: string, at: number) =>
    registry.add({
      listed: listed({ app, id: String(at).padStart(64, '0') }),
      ...{ jws: 'a', blobs: [], boxes: undefined },
    });
  await Promise.all(ids.map(add));
  await registry.end('1'.padStart(64, '0'), 'stopped', 'it harms');
  const page = (cursor?: string, query?: string) =>
    browse({ box: 'box-1', cursor, query }, { registry, members, rollouts });
  const first = await page();
  t.equal(first.entries.length, 50);
  const cursor = first.cursor ?? '';
  const second = await page(cursor);
  t.strictSame([second.entries.length, second.cursor], [2, null]);
  const names = [...first.entries, ...second.entries].map(({ app }) => app);
  t.strictSame(
    names,
    ids.filter((id) => id !== 'example.n01'),
  );
  await t.rejects(page(cursor, 'visits'), { code: 'cursor-invalid' });
});

t.test('the newest of the usual channel is shown, and words are looked for in every language', async (t) => {
  const versions = ['2.0.0-rc.1', '1.2.0', '1.10.0', '1.1.0'].sort((a, b) => compareVersions(b, a));
  const all = versions.map((version) => listed({ version, channel: version.includes('rc') ? 'beta' : 'stable' }));
  t.equal(newestOf(all)?.version, '1.10.0');
  t.equal(newestOf(all.slice(0, 1))?.version, '2.0.0-rc.1');
  t.equal(newestOf(all, 'amd64'), undefined);
  t.strictSame(wordsOf('  Zwei\tWÖRTER '), ['zwei', 'wörter']);
  t.ok(matches(wordsOf('ＶＩＳＩＴＳ'), listed()), 'whatever the width of its letters');
  fc.assert(fc.property(fc.string(), (query) => typeof matches(wordsOf(query), listed()) === 'boolean'));
});

t.test('who publishes first owns the id, however many try at once', async (t) => {
  const { store, clock } = await opened(t);
  const { registry } = registryOf(store, clock);
  const tries = Array.from({ length: 8 }, (_, at) =>
    registry.add({
      listed: listed({ id: String(at).repeat(64), member: `member-${at}` }),
      ...{ jws: 'a', blobs: [], boxes: undefined },
    }),
  );
  const settled = await Promise.allSettled(tries);
  t.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const one of settled) if (one.status === 'rejected') t.equal(one.reason.code, 'app-id-taken');
  t.equal((await registry.releasesOf('example.visits')).length, 1);
});
