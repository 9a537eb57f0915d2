/** What an owner takes away of an app: all that it keeps, whole. */
import fc from 'fast-check';
import t from 'tap';
import { exportLines, type Kept, readExport } from '#contract/app-export.js';
import { Refusal } from '#contract/problems.js';
import { createAppsDesk, installedOf, manifestOf, memberOf } from '../support/apps-desk.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';

const app = 'example.visits';
const head = { app, version: '1.0.0', exportedAt: 5 };

async function* each(kept: readonly Kept[]): AsyncGenerator<Kept> {
  yield* kept;
}
async function written(kept: readonly Kept[]): Promise<string> {
  let text = '';
  for await (const line of exportLines(head, each(kept))) text += line;
  return text;
}

t.test('everything that an app keeps comes out whole, also when its maker was expelled', async (t) => {
  const apps = createAppsDesk();
  const { port, storage, ...served } = await startOwnerConsole(t, { apps });
  const cookie = await setUpOwner({ port, ...served });
  const save = () => askOwner(port, `/v1/apps/${app}/export`, { cookie });
  t.equal((await save()).code, 'app-not-installed');
  apps.put(installedOf(manifestOf(), { member: memberOf({ standing: 'expelled' }), stopped: 'expelled' }));
  const empty = readExport(Buffer.from((await save()).text));
  t.match(empty, { ok: true, head: { app, version: '1.0.0' }, kept: [] });

  const quota = { id: app, quotaBytes: 100 * 2 ** 20 };
  const put = (key: string, value: Buffer, contentType = 'application/octet-stream') => ({
    ...{ op: 'put' as const, key, value, contentType },
  });
  const all = [
    ...Array.from({ length: 250 }, (_, index) => put(`visit/${String(index).padStart(4, '0')}`, Buffer.from('né\n'))),
    put('large', Buffer.alloc(1024 * 1024, 0xfe)),
    put('"quoted"\n/é/😀', Buffer.from('{"a":1}'), 'application/json; charset=utf-8'),
    put('nothing', Buffer.alloc(0), 'text/plain'),
  ];
  await storage.write(quota, all);
  await storage.write({ ...quota, id: 'example.visits-2' }, [put('another', Buffer.from('app'))]);
  const answer = await save();
  t.equal(answer.headers['content-disposition'], `attachment; filename="${app}-data.jsonl"`);
  t.equal(answer.headers['content-type'], 'application/x-ndjson');
  const read = readExport(Buffer.from(answer.text));
  if (!read.ok) throw new Error(`line ${read.line}: ${read.why}`);
  const ofKey = new Map(read.kept.map((one) => [one.key, one]));
  t.equal(read.kept.length, all.length, 'and nothing of another app');
  t.ok(
    all.every(({ key, value, contentType }) => {
      const one = ofKey.get(key);
      return one?.contentType === contentType && value.equals(one.value);
    }),
    'each key has its value and its type',
  );
  const bytes = read.kept.map(({ key }) => Buffer.from(key));
  t.ok(
    bytes.every((key, index) => index === 0 || Buffer.compare(bytes[index - 1] ?? key, key) < 0),
    'in the order of the bytes of the keys',
  );
});

t.test('an export of what cannot be decrypted is refused, with its reason', async (t) => {
  const apps = createAppsDesk();
  const { port, storage, ...served } = await startOwnerConsole(t, { apps });
  const cookie = await setUpOwner({ port, ...served });
  apps.put(installedOf(manifestOf()));
  storage.list = async () => {
    throw new Refusal('storage-key-missing', app);
  };
  const answer = await askOwner(port, `/v1/apps/${app}/export`, { cookie });
  t.equal(answer.code, 'storage-key-missing');
  t.equal(answer.headers['content-disposition'], undefined);
});

t.test('an export that was cut off or altered is told from a whole one', async (t) => {
  const kept = ['a', 'b'].map((key) => ({ key, contentType: 'text/plain', modifiedAt: 1, value: Buffer.from(key) }));
  const text = await written(kept);
  const taken = [...Array(text.length).keys()].filter((length) => readExport(Buffer.from(text.slice(0, length))).ok);
  t.same(taken, [], 'wherever it is cut');
  const lines = text.split('\n');
  t.match(readExport(Buffer.from([lines[0], lines[2], lines[3], ''].join('\n'))), { why: 'values are missing' });
  t.match(readExport(Buffer.from(`${text}{}\n`)), { ok: false, line: 5 });
  t.match(readExport(Buffer.from('{"format":"other"}\n{"values":0}\n')), { ok: false, line: 1 });
});

t.test('any values come back as they were, and any octets are judged without harm', async () => {
  const one = fc.record({
    key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    contentType: fc.string({ maxLength: 60 }),
    modifiedAt: fc.nat(),
    value: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(one, { maxLength: 10 }), async (kept) => {
      const read = readExport(Buffer.from(await written(kept)));
      return read.ok && JSON.stringify(read.kept) === JSON.stringify(kept);
    }),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !readExport(bytes).ok),
    { numRuns: 100 },
  );
});
