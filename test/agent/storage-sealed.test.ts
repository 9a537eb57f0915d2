/** What apps store lies on the disk sealed, and is gone with the app's key. */
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { files } from '#common/files.js';
import { etagOf } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import { keyFileOf } from '../../agent/storage/keys.js';
import { createNames, type Pages, rootId } from '../../agent/storage/names.js';
import { buildPage, mostPageBytes, type Page, parsePage } from '../../agent/storage/page.js';
import { buildHead } from '../../agent/storage/record.js';
import { createNonces, createSeal, type Kind } from '../../agent/storage/seal.js';
import type { Storage } from '../../agent/storage/storage.js';
import { openStore, type Store } from '../../agent/store/store.js';
import { ownFolder } from '../support/folder.js';
import { cutStorage, fillOf, writeCount } from '../support/storage-child.js';
import { keysIn, storageOver } from '../support/stored-values.js';

const quota = (id: string) => ({ id, quotaBytes: 2 ** 30 });
const put = (key: string, value: string | Buffer, contentType = 'text/plain') => ({
  ...{ op: 'put' as const, key, value: Buffer.from(value), contentType },
});
const all = { prefix: '', after: undefined, limit: 1000 };
const keysOf = async (storage: Storage, app: string): Promise<string[]> =>
  (await storage.list(app, all)).entries.map(({ key }) => key);

async function opened(t: Test, folder: string) {
  const store = await openStore(folder);
  const refusals: Refusal[] = [];
  const storage = await storageOver(store, folder, { onRefused: (refusal) => refusals.push(refusal) });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await storage.stop();
    await store.close();
  };
  t.teardown(close);
  return { store, storage, refusals, close };
}

/** All that the files below a folder hold. */
const bytesIn = (folder: string): Buffer =>
  Buffer.concat(
    readdirSync(folder, { recursive: true })
      .map((name) => path.join(folder, String(name)))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file)),
  );

const code = (wanted: string) => ({ code: wanted });
const aText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const aKind = fc.constantFrom<Kind>('value', 'large', 'page');

t.test('a sealed row opens where it belongs, and nowhere else', async () => {
  const nonces = createNonces();
  const key = Buffer.alloc(32, 7);
  const sealOf = (app: string, its = key) => createSeal({ app, key: its, nonces });
  const opens = (work: () => unknown): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'storage-damaged') return false;
      throw error;
    }
  };
  const row = fc.record({ app: fc.constantFrom('a', 'a.b', 'b'), kind: aKind, name: aText });
  const plain = fc.uint8Array({ maxLength: 3000 });
  fc.assert(
    fc.property(row, row, plain, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, other, bytes, at, flip) => {
      const sealed = sealOf(one.app).seal(one.kind, one.name, bytes);
      if (!sealOf(one.app).open(one.kind, one.name, sealed).equals(bytes)) return false;
      const isSame = one.app === other.app && one.kind === other.kind && one.name === other.name;
      if (opens(() => sealOf(other.app).open(other.kind, other.name, sealed)) !== isSame) return false;
      if (opens(() => sealOf(one.app, Buffer.alloc(32, 8)).open(one.kind, one.name, sealed))) return false;
      const cut = sealed.subarray(0, at % sealed.length);
      if (opens(() => sealOf(one.app).open(one.kind, one.name, cut))) return false;
      sealed[at % sealed.length]! ^= flip;
      return !opens(() => sealOf(one.app).open(one.kind, one.name, sealed));
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !opens(() => sealOf('a').open('value', 'k', bytes))),
  );
});

t.test('no nonce comes twice, also when the count begins anew', async (t) => {
  const nonces = createNonces({ first: 2 ** 32 - 3 });
  const drawn = Array.from({ length: 8 }, () => nonces().toString('hex'));
  t.equal(new Set(drawn).size, 8);
  t.equal(new Set(drawn.slice(0, 3).map((nonce) => nonce.slice(0, 16))).size, 1);
  t.equal(new Set(drawn.map((nonce) => nonce.slice(0, 16))).size, 2, 'its random bits are other ones then');
  t.not(createNonces()().toString('hex'), createNonces()().toString('hex'), 'each process has its own');
});

t.test('a row says nothing of the key that it belongs to', async (t) => {
  const seal = createSeal({ app: 'a', key: Buffer.alloc(32, 1), nonces: createNonces() });
  const other = createSeal({ app: 'a', key: Buffer.alloc(32, 2), nonces: createNonces() });
  t.match(seal.rowOf('Jane Doe'), /^[\w-]{22}$/);
  t.equal(seal.rowOf('Jane Doe'), seal.rowOf('Jane Doe'));
  t.not(seal.rowOf('Jane Doe'), other.rowOf('Jane Doe'));
});

t.test('a page of names comes back as it was, and any octets are judged without harm', async () => {
  const id = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'));
  const name = aText.map((text) => Buffer.from(text).toString('latin1'));
  const page = fc.oneof(
    fc.array(name).map((names): Page => ({ names })),
    fc.array(fc.tuple(name, id)).map((some): Page => ({ names: some.map(([n]) => n), ids: some.map(([, i]) => i) })),
  );
  fc.assert(fc.property(page, (one) => JSON.stringify(parsePage(buildPage(one))) === JSON.stringify(one)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      try {
        return buildPage(parsePage(Buffer.from(bytes))).equals(bytes);
      } catch (error) {
        return error instanceof Refusal && error.code === 'storage-damaged';
      }
    }),
  );
});

/** Pages on a disk that is a map. */
function pagesOn(disk: Map<string, Page>): Pages {
  return { read: (id) => disk.get(id), keep: () => {}, forget: () => {} };
}

t.test('names are listed in the order of their bytes, whatever comes and goes and fails to be written', async () => {
  const long = fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 99 })).map(([n, m]) => `${'n'.repeat(n + 80)}${m}`);
  const short = fc.nat({ max: 2000 }).map((n) => `k${n}`);
  const odd = fc.constantFrom('é', '\ufffd', '😀', 'a', '\0', '\u007f', 'k');
  const aName = fc.oneof(
    { weight: 4, arbitrary: short },
    { weight: 3, arbitrary: long },
    { weight: 1, arbitrary: odd },
  );
  const aRound = fc.record({
    names: fc.array(aName, { minLength: 1, maxLength: 120 }),
    removes: fc.double({ min: 0, max: 1, noNaN: true }),
    fails: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  });
  const bytewise = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

  function check(names: ReturnType<typeof createNames>, there: ReadonlySet<string>, probe: string): void {
    const sorted = [...there].sort(bytewise);
    const whole = names.range({ prefix: '', after: undefined, limit: 1e6 });
    if (JSON.stringify(whole) !== JSON.stringify(sorted)) throw new Error('the listing is another');
    const prefix = probe.slice(0, 2);
    const wanted = sorted.filter((name) => name.startsWith(prefix) && bytewise(name, probe) > 0).slice(0, 7);
    const found = names.range({ prefix, after: probe, limit: 7 });
    if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`after ${probe}: ${found} is not ${wanted}`);
  }

  fc.assert(
    fc.property(fc.array(aRound, { minLength: 1, maxLength: 12 }), (rounds) => {
      const disk = new Map<string, Page>();
      const names = createNames(pagesOn(disk));
      let there = new Set<string>();
      for (const [index, { names: some, removes, fails }] of rounds.entries()) {
        const next = new Set(there);
        const edits = new Map<string, boolean>();
        if (index === rounds.length - 1) for (const name of there) edits.set(name, false);
        else {
          for (const name of some) if (!there.has(name)) edits.set(name, true);
          for (const [at, name] of [...there].entries())
            if ((at * 7919) % 1000 < removes * 1000) edits.set(name, false);
        }
        for (const [name, isThere] of edits) isThere ? next.add(name) : next.delete(name);
        const pages = new Map(names.plan(edits));
        check(names, there, some[0] ?? '');
        if (!fails) for (const [id, page] of pages) page ? disk.set(id, page) : disk.delete(id);
        check(names, there, some[0] ?? ''); // on the disk, and not told yet
        names.land(!fails);
        if (!fails) there = next;
        check(names, there, some[0] ?? '');
        const reached = new Set<string>();
        const walk = (id: string): void => {
          reached.add(id);
          for (const below of disk.get(id)?.ids ?? []) walk(below);
        };
        if (disk.has(rootId)) walk(rootId);
        if (reached.size !== disk.size) throw new Error('a page is left that nothing leads to');
        for (const page of disk.values())
          if (buildPage(page).length > mostPageBytes) throw new Error('too large a page');
      }
      return there.size > 0 || disk.size === 0;
    }),
    { numRuns: 150 },
  );
});

t.test('names that come in their order fill the pages, and a page costs what it holds', async (t) => {
  const disk = new Map<string, Page>();
  const names = createNames(pagesOn(disk));
  let written = 0;
  for (let n = 0; n < 3000; n += 1) {
    const pages = names.plan(new Map([[`visit/${String(n).padStart(8, '0')}`, true]]));
    for (const [id, page] of pages) {
      if (page) disk.set(id, page);
      else disk.delete(id);
      written += page ? 1 : 0;
    }
    names.land(true);
  }
  const bytes = [...disk.values()].reduce((sum, page) => sum + buildPage(page).length, 0);
  t.ok(bytes < 3000 * 16 * 1.3, `${bytes} bytes for 3000 names of 14`);
  t.ok(written < 3000 * 1.1, `${written} pages written`);
});

const secret = 'a5hT0kEnQ7value';
const personal = 'patients/zK83-Jane-Doe';
const kind = 'application/x-q9w8e7r6';

t.test('the files of the database hold neither values nor names nor content types', async (t) => {
  const folder = await ownFolder(t);
  const { storage, store, close } = await opened(t, folder);
  const large = Buffer.concat([Buffer.from(secret), Buffer.alloc(5000, 'x'), Buffer.from(secret)]);
  await storage.write(quota('a'), [put(personal, secret, kind), put(`${personal}/large`, large, kind)]);
  for (let n = 0; n < 200; n += 1) await storage.write(quota('a'), [put(`${personal}/${n}`, secret, kind)]);
  const read = () => bytesIn(path.join(folder, 'store'));
  const clear = (when: string): void => {
    const bytes = read();
    for (const text of [secret, personal, 'Jane', kind]) t.notOk(bytes.includes(text), `${when}: ${text}`);
  };
  clear('while it runs');
  for (const rows of [store.values, store.largeValues, store.names]) await store.compact(rows, 'a!', 'a"');
  clear('in tables');
  await close();
  clear('when it is closed');
  const again = await opened(t, folder);
  t.equal(again.storage.get('a', personal).value.toString(), secret);
  t.ok(again.storage.get('a', `${personal}/large`).value.equals(large));
  t.equal((await keysOf(again.storage, 'a')).length, 202);
  t.equal(statSync(keyFileOf(keysIn(folder), 'a')).mode & 0o777, 0o600);
});

t.test('once an app is removed, no file that is left opens anything of it', async (t) => {
  const folder = await ownFolder(t);
  const { storage, close } = await opened(t, folder);
  await storage.write(quota('a'), [put(personal, secret), put('large', Buffer.alloc(5000, secret))]);
  await storage.write(quota('b'), [put('kept', 'value')]);
  const { key } = JSON.parse(readFileSync(keyFileOf(keysIn(folder), 'a'), 'utf8')) as { key: string };
  const backup = await ownFolder(t);
  cpSync(path.join(folder, 'store'), path.join(backup, 'store'), { recursive: true });
  await storage.forget('a');
  t.throws(() => storage.get('a', personal), code('key-not-found'));
  t.same(readdirSync(keysIn(folder)), ['b.key']);
  await close();

  const left = bytesIn(folder);
  for (const form of [key, Buffer.from(key, 'hex'), Buffer.from(key, 'hex').toString('base64')])
    t.notOk(left.includes(form));
  const old = await openStore(backup);
  t.teardown(() => old.close());
  const found = [...left.toString('latin1').matchAll(/[0-9a-f]{64}/g)].map(([hex]) => Buffer.from(hex, 'hex'));
  t.ok(found.length > 0, 'the key of the other app among them');
  const rows = await old.values.iterator({ gte: 'a!', lt: 'a"' }).all();
  t.equal(rows.length, 2);
  for (const candidate of found)
    for (const [place, row] of rows) {
      const seal = createSeal({ app: 'a', key: candidate, nonces: createNonces() });
      t.not(seal.rowOf(personal), place.slice(2));
      t.throws(() => seal.open('value', personal, row), code('storage-damaged'));
    }
  const again = await opened(t, folder);
  t.equal(again.storage.get('b', 'kept').value.toString(), 'value');
  t.same(again.refusals, []);
});

t.test('an app whose key is missing or damaged is refused, and nothing else', async (t) => {
  const folder = await ownFolder(t);
  const file = keyFileOf(keysIn(folder), 'a');
  const first = await opened(t, folder);
  await first.storage.write(quota('a'), [put('kept', secret)]);
  await first.storage.write(quota('b'), [put('kept', 'other')]);
  await first.close();
  const whole = readFileSync(file);
  const other = readFileSync(keyFileOf(keysIn(folder), 'b'));

  const refusedAs = async (wanted: string, more: (storage: Storage) => Promise<void> = async () => {}) => {
    const { storage, refusals, close } = await opened(t, folder);
    t.match(refusals, [{ code: wanted, detail: 'a' }]);
    t.throws(() => storage.get('a', 'kept'), code(wanted));
    t.throws(() => storage.head('a', 'kept'), code(wanted));
    t.throws(() => storage.watch('a', { prefix: '', since: undefined }, () => {}), code(wanted));
    await t.rejects(storage.list('a', all), code(wanted));
    await t.rejects(storage.write(quota('a'), [put('new', 'x')]), code(wanted));
    await t.rejects(storage.write(quota('a'), [{ op: 'delete', key: 'kept' }]), code(wanted));
    t.equal(storage.usedBytes('a'), 4 + secret.length);
    t.equal(storage.get('b', 'kept').value.toString(), 'other');
    await storage.write(quota('b'), [put('more', 'x')]);
    await more(storage);
    await close();
  };
  await rename(file, `${file}.away`);
  await refusedAs('storage-key-missing');
  t.notOk(existsSync(file), 'no other key takes its place');
  const damaged = Buffer.from(whole);
  const at = damaged.indexOf('"key":"') + 10;
  damaged[at] = damaged[at] === 0x61 ? 0x62 : 0x61;
  for (const bytes of [damaged, whole.subarray(0, 40), Buffer.alloc(0), other]) {
    writeFileSync(file, bytes);
    await refusedAs('storage-key-damaged');
    t.same(readFileSync(file), bytes);
  }
  writeFileSync(file, whole);
  const back = await opened(t, folder);
  t.equal(back.storage.get('a', 'kept').value.toString(), secret, 'put back, all is there');
  await back.close();

  await rename(file, `${file}.away`);
  await refusedAs('storage-key-missing', async (storage) => {
    await storage.forget('a');
    t.throws(() => storage.get('a', 'kept'), code('key-not-found'), 'removed, it may begin anew');
    await storage.write(quota('a'), [put('new', 'x')]);
    t.equal(storage.get('a', 'new').value.toString(), 'x');
    t.equal(storage.usedBytes('a'), 4);
  });
});

/** Straight into the database, as nobody should. */
async function swap(store: Store, change: (rows: Map<string, Buffer>) => void, which: 'values' | 'names' = 'values') {
  const sub = store[which];
  const rows = new Map(await sub.iterator().all());
  change(rows);
  for (const [key, value] of rows) await sub.put(key, value);
}

t.test('what was altered or moved on the disk is refused, and the rest is served', async (t) => {
  const folder = await ownFolder(t);
  const first = await opened(t, folder);
  for (const app of ['a', 'b']) await first.storage.write(quota(app), [put('one', `${app} 1`), put('two', `${app} 2`)]);
  await first.close();
  const { storage, store } = await opened(t, folder);
  const rowOf = (app: string, key: string): string =>
    `${app}!${createSeal({ app, key: keyIn(folder, app), nonces: createNonces() }).rowOf(key)}`;
  await swap(store, (rows) => {
    const one = rows.get(rowOf('a', 'one'))!;
    rows.set(rowOf('a', 'one'), rows.get(rowOf('a', 'two'))!);
    rows.set(rowOf('a', 'two'), one);
    const altered = Buffer.from(rows.get(rowOf('b', 'one'))!);
    altered[20]! ^= 1; // whatever stood there
    rows.set(rowOf('b', 'one'), altered);
  });
  for (const [app, key] of [
    ['a', 'one'],
    ['a', 'two'],
    ['b', 'one'],
  ] as const) {
    t.throws(() => storage.get(app, key), code('storage-damaged'));
    await t.rejects(storage.write(quota(app), [put(key, 'x')]), code('storage-damaged'), 'nor is it written over');
    await t.rejects(storage.list(app, all), code('storage-damaged'));
  }
  t.equal(storage.get('b', 'two').value.toString(), 'b 2');
  t.same((await storage.list('b', { ...all, prefix: 't' })).entries.length, 1);
});

const keyIn = (folder: string, app: string): Buffer =>
  Buffer.from((JSON.parse(readFileSync(keyFileOf(keysIn(folder), app), 'utf8')) as { key: string }).key, 'hex');

t.test("a damaged page of names keeps its app from new names, and nobody's writes from the disk", async (t) => {
  const folder = await ownFolder(t);
  const first = await opened(t, folder);
  for (const app of ['a', 'b']) await first.storage.write(quota(app), [put('one', '1')]);
  await first.close();
  const { storage, store } = await opened(t, folder);
  await swap(store, (rows) => rows.set(`a!${rootId}`, rows.get(`b!${rootId}`)!), 'names');
  const both = [storage.write(quota('a'), [put('two', '2')]), storage.write(quota('b'), [put('two', '2')])];
  await t.rejects(both[0]!, code('storage-damaged'));
  await both[1];
  t.same(await keysOf(storage, 'b'), ['one', 'two']);
  t.equal(storage.usedBytes('a'), 4);
  t.throws(() => storage.get('a', 'two'), code('key-not-found'));
  await storage.write(quota('a'), [put('one', 'new')]);
  t.equal(storage.get('a', 'one').value.toString(), 'new', 'what needs no new name is written');
});

/** As a release before wrote it. */
async function plainly(store: Store, app: string, values: { key: string; value: Buffer; revision: number }[]) {
  const { plainValues, plainLarge, apps } = store;
  let { usedBytes, revision: last } = (await apps.get(app)) ?? { usedBytes: 0, revision: 0 };
  for (const { key, value, revision } of values) {
    const apart = value.length > 2048;
    const head = buildHead({ apart, revision, modifiedAt: 5, sizeBytes: value.length, contentType: kind });
    const place = `${app}!${key}`;
    await plainValues.put(place, apart ? head : Buffer.concat([head, value]));
    if (apart) await plainLarge.put(place, Buffer.concat([head, value]));
    usedBytes += Buffer.byteLength(key) + value.length;
    last = Math.max(last, revision);
  }
  await apps.put(app, { usedBytes, revision: last });
}

t.test('what an earlier release stored in the clear is sealed at the start, and is all there', async (t) => {
  const folder = await ownFolder(t);
  const store = await openStore(folder);
  const values = Array.from({ length: 450 }, (_, n) => ({
    key: `${personal}/${n}`,
    value: n % 50 === 0 ? Buffer.alloc(100_000, `${secret} ${n} `) : Buffer.from(`${secret} ${n}`),
    revision: n + 1,
  }));
  await plainly(store, 'a', values);
  await plainly(store, 'a.b', [{ key: 'k', value: Buffer.from('v'), revision: 1 }]);
  const used = (await store.apps.get('a'))?.usedBytes;
  await store.close();

  // Cut in the middle: some of it is sealed, and the rest still lies in the clear.
  const half = await openStore(folder);
  let commits = 0;
  const commit: Store['commit'] = async (operations) => {
    commits += 1;
    if (commits > 2) throw new Error('IO error: No space left on device');
    await half.commit(operations);
  };
  const refusals: Refusal[] = [];
  await storageOver({ ...half, commit }, folder, { onRefused: (refusal) => refusals.push(refusal) });
  t.match(refusals, [code('disk-full'), code('disk-full')], 'refused until there is room');
  await half.close();

  const { storage, store: now, refusals: none, close } = await opened(t, folder);
  t.same(none, []);
  for (const { key, value, revision } of values) {
    const found = storage.get('a', key);
    if (!found.value.equals(value) || found.etag !== etagOf(revision)) t.fail(`${key} is another`);
    if (found.contentType !== kind || found.modifiedAt !== 5) t.fail(`${key} has another head`);
  }
  t.equal((await keysOf(storage, 'a')).length, 450);
  t.equal(storage.usedBytes('a'), used);
  t.equal(storage.get('a.b', 'k').value.toString(), 'v');
  for (const rows of [now.plainValues, now.plainLarge]) t.same(await rows.keys().all(), []);
  const [written] = await storage.write(quota('a'), [put('new', 'x')]);
  t.equal(written?.etag, etagOf(451), 'and goes on counting where the earlier one was');
  await close();
  const bytes = bytesIn(path.join(folder, 'store'));
  for (const text of [secret, personal, kind]) t.notOk(bytes.includes(text), text);
});

t.test('what an earlier release stored after a step back takes the place of what was sealed before', async (t) => {
  const folder = await ownFolder(t);
  const first = await opened(t, folder);
  await first.storage.write(quota('a'), [put('one', Buffer.alloc(5000)), put('two', 'sealed')]);
  await first.close();
  const store = await openStore(folder);
  await plainly(store, 'a', [{ key: 'one', value: Buffer.from('newer'), revision: 9 }]);
  await store.close();
  const { storage, store: now } = await opened(t, folder);
  t.equal(storage.get('a', 'one').value.toString(), 'newer');
  t.same(await keysOf(storage, 'a'), ['one', 'two']);
  t.equal(storage.usedBytes('a'), 3 + 5 + 3 + 6);
  t.same(await now.largeValues.keys().all(), [], 'the large value before it is gone');
});

t.test('a listing is of one moment, whatever lands meanwhile', async (t) => {
  const folder = await ownFolder(t);
  const { storage, store, close } = await opened(t, folder);
  const ofRound = (round: number) => Array.from({ length: 90 }, (_, n) => put(`k${n + (round % 7)}`, `${round}`));
  await storage.write(quota('a'), ofRound(0));
  await close();
  const again = await openStore(folder);
  t.teardown(() => again.close());
  t.ok(store !== again);
  const live = await storageOver(again, folder);
  let writing = true;
  const writer = (async () => {
    for (let round = 1; round <= 40; round += 1) {
      const there = ofRound(round - 1).map(({ key }) => key);
      const next = ofRound(round);
      const gone = there.filter((key) => !next.some((one) => one.key === key));
      await live.write(quota('a'), [...next, ...gone.map((key) => ({ op: 'delete' as const, key }))]);
    }
    writing = false;
  })();
  let seen = 0;
  while (writing) {
    const { entries } = await live.list('a', all);
    const etags = entries.map(({ etag }) => Number.parseInt(etag.slice(1), 36)).sort((a, b) => a - b);
    if (etags.length !== 90 || etags.at(-1)! - etags[0]! !== 89) t.fail(`${etags.length} keys of several moments`);
    seen += 1;
  }
  await writer;
  t.ok(seen > 5);
  await live.stop();
});

t.test('a first value lands where it is found again, whatever was deleted in the same group', async (t) => {
  const folder = await ownFolder(t);
  const opened = await openStore(folder);
  t.teardown(() => opened.close());
  let go = (): void => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const store: Store = {
    ...opened,
    async commit(operations) {
      await held;
      await opened.commit(operations);
    },
  };
  let isMade = (): void => {};
  const made = new Promise<void>((resolve) => {
    isMade = resolve;
  });
  const storage = await storageOver(store, folder, {
    files: {
      ...files,
      async write(...parameters) {
        await files.write(...parameters);
        isMade();
      },
    },
  });
  const remove = () => storage.write(quota('a'), [{ op: 'delete', key: 'k' }]);
  const turn = () => new Promise(setImmediate);
  const first = remove(); // on its way to the disk, so that what comes now shares the next group
  await turn();
  const others = [first, remove(), storage.write(quota('a'), [put('k', 'x')])];
  await made;
  await turn();
  go();
  await Promise.all(others);
  for (const key of await store.values.keys().all()) t.match(key, /^a![\w-]{22}$/);
  t.same(await keysOf(storage, 'a'), ['k']);
  t.equal(storage.get('a', 'k').value.toString(), 'x');
  await storage.stop();
});

t.test('a write is refused while its app is forgotten, and afterwards the app begins anew', async (t) => {
  const folder = await ownFolder(t);
  const { storage, store } = await opened(t, folder);
  await storage.write(quota('a'), [put('k', secret)]);
  const writes = Array.from({ length: 20 }, (_, n) => storage.write(quota('a'), [put(`k${n}`, 'x')]));
  const forgotten = storage.forget('a');
  await t.rejects(storage.write(quota('a'), [put('late', 'x')]), code('unavailable'));
  await Promise.all(writes);
  await forgotten;
  for (const rows of [store.values, store.names, store.largeValues]) t.same(await rows.keys().all(), []);
  t.same(readdirSync(keysIn(folder)), []);
  const [written] = await storage.write(quota('a'), [put('k', 'y')]);
  t.equal(written?.etag, etagOf(22), 'no ETag comes back');
  t.same(await keysOf(storage, 'a'), ['k']);
});

t.test('killed at any point of a first write, the value is there or the app can store it', async (t) => {
  const [from, place] = [await ownFolder(t), path.join(await ownFolder(t), 'cut')];
  const events = await cutStorage({ action: 'first', from, place }, async ({ folder, acknowledged, at }) => {
    const { storage, refusals, close } = await opened(t, folder);
    t.same(refusals, [], at);
    const keys = await keysOf(storage, 'a');
    if (acknowledged.length > 0) t.same(keys, ['k'], at);
    if (keys.length > 0) t.equal(storage.get('a', 'k').value.toString(), 'value', at);
    await storage.write(quota('a'), [put('again', 'x')]);
    t.equal(storage.get('a', 'again').value.toString(), 'x', at);
    await close();
  });
  t.ok(events.indexOf('before write') < events.indexOf('before commit'), 'the key is made before the value is written');
});

t.test('killed at any point of writing, what was acknowledged is there and is listed', async (t) => {
  const [from, place] = [await ownFolder(t), path.join(await ownFolder(t), 'cut')];
  const events = await cutStorage({ action: 'writes', from, place }, async ({ folder, acknowledged, at }) => {
    const { storage, refusals, close } = await opened(t, folder);
    t.same(refusals, [], at);
    const keys = await keysOf(storage, 'a');
    for (const key of keys) t.ok(storage.get('a', key).value.equals(fillOf(Number(key.slice(1)))), at);
    for (const said of acknowledged.filter((one) => !one.startsWith('-'))) {
      if (acknowledged.includes(`-${said}`)) t.notOk(keys.includes(said), `${at}: ${said} is gone`);
      else if (said !== acknowledged.at(-1)) t.ok(keys.includes(said), `${at}: ${said} is listed`);
    }
    const usedBytes = keys.reduce((sum, key) => sum + key.length + storage.get('a', key).value.length, 0);
    t.equal(storage.usedBytes('a'), usedBytes, at);
    await close();
  });
  t.ok(events.length > writeCount);
});

t.test('killed at any point of a removal, it ends with nothing left once it is gone on with', async (t) => {
  const [from, place] = [await ownFolder(t), path.join(await ownFolder(t), 'cut')];
  const first = await opened(t, from);
  for (let n = 0; n < 700; n += 1) void first.storage.write(quota('a'), [put(`${personal}/${n}`, secret)]);
  await first.storage.write(quota('a'), [put('large', Buffer.alloc(5000))]);
  await first.storage.write(quota('b'), [put('kept', 'value')]);
  await first.close();
  let dead = 0;
  const events = await cutStorage({ action: 'forget', from, place }, async ({ folder, acknowledged, at }) => {
    const isDead = !existsSync(keyFileOf(keysIn(folder), 'a'));
    if (isDead) dead += 1;
    if (acknowledged.length > 0) t.ok(isDead, at);
    const { storage, store, close } = await opened(t, folder);
    if (isDead) t.throws(() => storage.get('a', `${personal}/1`), at);
    else t.equal(storage.get('a', `${personal}/1`).value.toString(), secret, `${at}: undone`);
    await storage.forget('a');
    for (const rows of [store.values, store.largeValues, store.names])
      t.same(await rows.keys({ gte: 'a!', lt: 'a"' }).all(), [], at);
    t.same(readdirSync(keysIn(folder)), ['b.key'], at);
    t.equal(storage.usedBytes('a'), 0, at);
    t.equal(storage.get('b', 'kept').value.toString(), 'value', at);
    await close();
  });
  t.ok(dead > 3);
  t.ok(events.indexOf('before destroy') < events.lastIndexOf('before commit'), 'the key goes before the rows');
  // Cut within the destroying of the key itself: see common/files.ts.
  cpSync(from, place, { recursive: true });
  await rename(keyFileOf(keysIn(place), 'a'), `${keyFileOf(keysIn(place), 'a')}.gone`);
  const { storage } = await opened(t, place);
  t.throws(() => storage.get('a', 'large'), code('storage-key-missing'));
  await storage.forget('a');
  t.same(readdirSync(keysIn(place)), ['b.key']);
});
