/** Many values: listings, batches, the quota. */
import { maxValueBytes, StorageBatchResult, StorageList } from '#contract/api.js';
import { check } from '#contract/parse.js';
import { type Answer, beginningOf } from './http.js';
import { Mismatch, NotTried, same } from './outcome.js';
import { jsonOf, shaped } from './specification.js';
import { etagOf, put } from './storage.js';
import { json, type Promised, pathOf, type Trial } from './trial.js';

const path = '/v1/storage:batch';

function listOf(answer: Answer): StorageList {
  const read = check(StorageList, jsonOf(answer));
  if (!read.ok) throw new Mismatch('a listing', answer.text);
  return read.value;
}

async function list(trial: Trial, name: string, query: Record<string, string> = {}): Promise<StorageList> {
  const search = new URLSearchParams({ prefix: `${trial.prefix}${name}`, ...query });
  return listOf(await trial.answered(200, 'listValues', `/v1/storage?${search}`));
}

async function batch(trial: Trial, operations: unknown[]): Promise<StorageBatchResult['results']> {
  const answer = await trial.answered(200, 'batchValues', path, json({ operations }));
  const read = check(StorageBatchResult, jsonOf(answer));
  if (!read.ok) throw new Mismatch('results', answer.text);
  return read.value.results;
}

/** More than this is not written to see a quota bite. */
const mostFilling = 8 * maxValueBytes;

export const lists: Promised[] = [
  {
    id: 'list.entries',
    says: 'a listing has the keys of a prefix, ascending by their bytes, each with size, content type and ETag',
    async keep(trial) {
      // By UTF-16 the last two would stand the other way round.
      const names = ['a', 'a/', 'b', 'é', '\ufffd', '😀'];
      const etags = new Map<string, string>();
      for (const name of [...names].reverse())
        etags.set(trial.key(`list/${name}`), etagOf(await put(trial, `list/${name}`, name, { 'content-type': 'a/b' })));
      const { entries, cursor } = await list(trial, 'list/');
      const keys = names.map((name) => trial.key(`list/${name}`));
      same(
        'keys',
        entries.map(({ key }) => key),
        keys,
      );
      same('cursor', cursor, null);
      for (const { key, sizeBytes, contentType, etag } of entries) {
        const size = Buffer.byteLength(key) - Buffer.byteLength(`${trial.prefix}list/`);
        same(key, [sizeBytes, contentType, etag], [size, 'a/b', etags.get(key)]);
      }
    },
  },
  {
    id: 'list.pages',
    says: 'a listing comes in pages of at most the limit, joined by cursors, every key once',
    async keep(trial) {
      const keys = Array.from({ length: 7 }, (_, n) => trial.key(`page/${n}`));
      await batch(
        trial,
        keys.map((key) => ({ op: 'put', key, value: 'x' })),
      );
      const pages: string[][] = [];
      let next: StorageList = { entries: [], cursor: null };
      do {
        next = await list(trial, 'page/', { limit: '3', ...(next.cursor === null ? {} : { cursor: next.cursor }) });
        pages.push(next.entries.map(({ key }) => key));
      } while (next.cursor !== null && pages.length < 5);
      same('pages', pages, [keys.slice(0, 3), keys.slice(3, 6), keys.slice(6)]);
    },
  },
  {
    id: 'list.refusals',
    says: 'a cursor that no listing gave is refused as cursor-invalid, a limit out of bounds as body-invalid',
    async keep({ refused }) {
      await refused('cursor-invalid', 'listValues', '/v1/storage?cursor=bm8');
      for (const query of ['limit=0', 'limit=1001', 'limit=x', 'other=1'])
        await refused('body-invalid', 'listValues', `/v1/storage?${query}`);
    },
  },
  {
    id: 'batch.order',
    says: 'a batch is done in order, and answers each write with its ETag, a delete with null',
    async keep(trial) {
      const [a, b] = [trial.key('batch/a'), trial.key('batch/b')];
      const results = await batch(trial, [
        { op: 'put', key: a, value: 'grüß', ifNoneMatch: '*' },
        { op: 'put', key: b, valueBase64: '/wA=' },
        { op: 'delete', key: b, ifMatch: '*' },
        { op: 'put', key: b, valueBase64: 'AP8=', contentType: 'a/b' },
      ]);
      same(
        'keys',
        results.map(({ key }) => key),
        [a, b, b, b],
      );
      const [first, second] = [
        await trial.answered(200, 'getValue', pathOf(a)),
        await trial.answered(200, 'getValue', pathOf(b)),
      ];
      same('values', [first.text, second.bytes.toString('hex')], ['grüß', '00ff']);
      same('content type of the bytes', second.headers['content-type'], 'a/b');
      const etags = [results[0]?.etag, results[2]?.etag, results[3]?.etag];
      same('ETags', etags, [first.headers.etag, null, second.headers.etag]);
    },
  },
  {
    id: 'batch.whole',
    says: 'of a batch with one write that cannot be done, nothing is done',
    async keep(trial) {
      const [fresh, held] = [trial.key('whole/fresh'), trial.key('whole/held')];
      await put(trial, 'whole/held', 'old');
      const operations = [
        { op: 'put', key: fresh, value: 'x' },
        { op: 'put', key: held, value: 'new', ifMatch: '"other"' },
      ];
      await trial.refused('precondition-failed', 'batchValues', path, json({ operations }));
      await trial.refused('key-not-found', 'getValue', pathOf(fresh));
      same('the other value', (await trial.answered(200, 'getValue', pathOf(held))).text, 'old');
    },
  },
  {
    id: 'batch.bounds',
    says: 'a batch has 1 to 100 writes, each with either value or valueBase64',
    async keep(trial) {
      const key = trial.key('bounds');
      const one = { op: 'put', key, value: 'x' };
      for (const operations of [
        [],
        Array(101).fill(one),
        [{ ...one, valueBase64: 'eA==' }],
        [{ op: 'put', key }],
        [{ op: 'put', key, valueBase64: '!' }],
      ])
        await trial.refused('body-invalid', 'batchValues', path, json({ operations }));
      await batch(trial, Array(100).fill(one));
    },
  },
  {
    id: 'quota.kept',
    says: 'what goes beyond the quota is refused as quota-exceeded and not stored; deleting helps',
    async keep(trial) {
      const { quotaBytes, usedBytes } = (await trial.self()).storage;
      if (quotaBytes - usedBytes > mostFilling) throw new NotTried('the quota leaves more than 8 MiB to fill');
      const names = Array.from({ length: mostFilling / maxValueBytes + 1 }, (_, n) => `quota/${n}`);
      const value = Buffer.alloc(maxValueBytes);
      const filled: string[] = [];
      for (const name of names) {
        const { status } = await put(trial, name, value);
        if (status !== 201) break;
        filled.push(name);
      }
      const over = pathOf(trial.key(`quota/${filled.length}`));
      await trial.refused('quota-exceeded', 'putValue', over, { body: value });
      await trial.refused('key-not-found', 'getValue', over);
      for (const name of filled) await trial.answered(204, 'deleteValue', pathOf(trial.key(name)));
      await trial.answered(201, 'putValue', over, { body: '' });
    },
  },
  {
    id: 'quota.told',
    says: 'who listens while nine tenths of the quota are used is told low-space after hello',
    async keep(trial) {
      const { quotaBytes, usedBytes } = (await trial.self()).storage;
      const wanted = Math.ceil(0.9 * quotaBytes) - usedBytes;
      if (wanted > mostFilling) throw new NotTried('the quota leaves more than 8 MiB to fill');
      const names = Array.from({ length: Math.ceil(Math.max(0, wanted) / maxValueBytes) }, (_, n) => `short/${n}`);
      for (const [n, name] of names.entries()) {
        // The key counts as well, and fits into the tenth that is left.
        const value = Buffer.alloc(Math.min(maxValueBytes, wanted - n * maxValueBytes));
        const { status } = await put(trial, name, value);
        if (status !== 201) throw new NotTried('the quota is too small to be filled so far');
      }
      const told = (text: string) => /^data: ?(.*"low-space".*"quota".*)$/m.exec(text)?.[1];
      const { text } = await beginningOf(trial.place, '/v1/events', (all) => told(all) !== undefined);
      shaped(trial.specification.schema('AppEvent'), jsonOf({ text: told(text) ?? '' }), 'an event');
      for (const name of names) await trial.answered(204, 'deleteValue', pathOf(trial.key(name)));
    },
  },
];
