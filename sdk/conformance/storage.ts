/** Single values: what is stored comes back, and only what the conditions allow is stored. */
import { maxKeyBytes, maxValueBytes } from '#contract/api.js';
import type { Answer } from './http.js';
import { holds, NotTried, same } from './outcome.js';
import { type Promised, pathOf, type Trial } from './trial.js';

const typed = (body: string | Buffer, type: string) => ({ headers: { 'content-type': type }, body });
export const put = (trial: Trial, name: string, body: string | Buffer, headers = {}): Promise<Answer> =>
  trial.ask('putValue', pathOf(trial.key(name)), { body, headers });

/** @throws Mismatch unless it is a strong ETag, RFC 9110 section 8.8.3 */
export function etagOf({ headers }: Answer): string {
  const { etag } = headers;
  holds(/^"[\x21\x23-\x7e]+"$/.test(etag ?? ''), 'a strong ETag', etag ?? 'none');
  return etag ?? '';
}

async function stores({ answered }: Trial, key: string, body: Buffer, type: string): Promise<void> {
  const etag = etagOf(await answered(201, 'putValue', pathOf(key), typed(body, type)));
  const read = await answered(200, 'getValue', pathOf(key));
  holds(read.bytes.equals(body), `the ${body.length} bytes that were stored`, `${read.bytes.length} bytes`);
  same('ETag', read.headers.etag, etag);
  same('Content-Type', read.headers['content-type'], type);
}

async function keepsOld(trial: Trial, name: string): Promise<void> {
  const { text } = await trial.answered(200, 'getValue', pathOf(trial.key(name)));
  same('the value after a refused write', text, 'old');
}

export const storage: Promised[] = [
  {
    id: 'storage.values',
    says: 'a value comes back as the bytes it was, with its content type and its ETag',
    async keep(trial) {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await stores(trial, trial.key('bytes'), every, 'application/x-all');
      await stores(trial, trial.key('json'), Buffer.from('{ "a": 1 }\n'), 'application/json');
      await stores(trial, trial.key('empty'), Buffer.alloc(0), 'text/plain');
    },
  },
  {
    id: 'storage.replace',
    says: 'a new value answers 201, one in the place of another 204 and another ETag',
    async keep(trial) {
      const path = pathOf(trial.key('replaced'));
      const first = etagOf(await trial.answered(201, 'putValue', path, { body: 'a' }));
      const second = etagOf(await trial.answered(204, 'putValue', path, { body: 'a' }));
      holds(first !== second, 'an ETag of its own for each write', second);
      await trial.answered(204, 'deleteValue', path);
      const third = etagOf(await trial.answered(201, 'putValue', path, { body: 'a' }));
      holds(third !== first && third !== second, 'an ETag that was never used before', third);
    },
  },
  {
    id: 'storage.keys',
    says: 'a key is 1 to 512 bytes of UTF-8, every character its own; others are refused as key-invalid',
    async keep(trial) {
      const names = ['a/b', 'a%2Fb', 'ключ ☃ 😀', '?#&+', '..'];
      for (const name of names) await put(trial, name, name);
      for (const name of names) same(name, (await trial.answered(200, 'getValue', pathOf(trial.key(name)))).text, name);
      const longest = 'k'.repeat(maxKeyBytes - trial.prefix.length);
      holds((await put(trial, longest, 'x')).status === 201, 'a key of 512 bytes is taken', 'it is not');
      await trial.refused('key-invalid', 'putValue', pathOf(trial.key(`${longest}k`)), { body: 'x' });
      await trial.refused('key-invalid', 'getValue', '/v1/storage/%FF');
    },
  },
  {
    id: 'storage.large',
    says: 'a value of 1 MiB is taken; a larger one is refused as body-too-large, and nothing of it is stored',
    async keep(trial) {
      const { quotaBytes, usedBytes } = (await trial.self()).storage;
      const path = pathOf(trial.key('large'));
      await trial.refused('body-too-large', 'putValue', path, { body: Buffer.alloc(maxValueBytes + 1) });
      await trial.refused('key-not-found', 'getValue', path);
      if (quotaBytes - usedBytes < maxValueBytes + 1024) throw new NotTried('the quota is too small for 1 MiB');
      await stores(trial, trial.key('large'), Buffer.alloc(maxValueBytes, 7), 'application/octet-stream');
      await trial.answered(204, 'deleteValue', path);
    },
  },
  {
    id: 'storage.head',
    says: 'HEAD tells size, content type and ETag of what GET gives',
    async keep(trial) {
      const path = pathOf(trial.key('head'));
      const etag = etagOf(await trial.answered(201, 'putValue', path, typed('12345', 'text/plain')));
      const { headers } = await trial.answered(200, 'headValue', path);
      const told = [headers.etag, headers['content-type'], headers['content-length']];
      same('ETag, Content-Type, Content-Length', told, [etag, 'text/plain', '5']);
      same('status without a value', (await trial.ask('headValue', pathOf(trial.key('no-head')))).status, 404);
    },
  },
  {
    id: 'storage.not-modified',
    says: 'GET with If-None-Match answers 304 while the value has this ETag',
    async keep(trial) {
      const path = pathOf(trial.key('known'));
      const etag = etagOf(await trial.answered(201, 'putValue', path, { body: 'a' }));
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
        const answer = await trial.answered(304, 'getValue', path, { headers: { 'if-none-match': known } });
        same('ETag', answer.headers.etag, etag);
      }
      await trial.answered(200, 'getValue', path, { headers: { 'if-none-match': '"other"' } });
    },
  },
  {
    id: 'storage.if-match',
    says: 'PUT with If-Match is done while the value has this ETag, else refused as precondition-failed',
    async keep(trial) {
      const path = pathOf(trial.key('match'));
      const etag = etagOf(await trial.answered(201, 'putValue', path, { body: 'old' }));
      for (const other of ['"other"', `W/${etag}`]) {
        await trial.refused('precondition-failed', 'putValue', path, { body: 'new', headers: { 'if-match': other } });
        await keepsOld(trial, 'match');
      }
      const headers = { 'if-match': etag };
      await trial.answered(204, 'putValue', path, { body: 'new', headers });
      await trial.refused('precondition-failed', 'putValue', path, { body: 'newer', headers });
      await trial.refused('precondition-failed', 'putValue', pathOf(trial.key('no-match')), {
        body: 'x',
        headers: { 'if-match': '*' },
      });
    },
  },
  {
    id: 'storage.if-none-match',
    says: 'PUT with If-None-Match: * is done only where nothing is stored',
    async keep(trial) {
      const path = pathOf(trial.key('none'));
      const headers = { 'if-none-match': '*' };
      await trial.answered(201, 'putValue', path, { body: 'old', headers });
      await trial.refused('precondition-failed', 'putValue', path, { body: 'new', headers });
      await keepsOld(trial, 'none');
    },
  },
  {
    id: 'storage.compare-and-set',
    says: 'of writes at the same time with the same If-Match one is done',
    async keep(trial) {
      const path = pathOf(trial.key('race'));
      const etag = etagOf(await trial.answered(201, 'putValue', path, { body: 'old' }));
      const rivals = Array.from({ length: 8 }, (_, n) =>
        trial.ask('putValue', path, { body: `${n}`, headers: { 'if-match': etag } }),
      );
      const statuses = (await Promise.all(rivals)).map(({ status }) => status);
      same('statuses', statuses.sort(), [204, ...Array<number>(7).fill(412)]);
    },
  },
  {
    id: 'storage.delete',
    says: 'DELETE takes a value away, obeys If-Match, and refuses what is not there as key-not-found',
    async keep(trial) {
      const path = pathOf(trial.key('gone'));
      const etag = etagOf(await trial.answered(201, 'putValue', path, { body: 'old' }));
      await trial.refused('precondition-failed', 'deleteValue', path, { headers: { 'if-match': '"other"' } });
      await keepsOld(trial, 'gone');
      await trial.answered(204, 'deleteValue', path, { headers: { 'if-match': etag } });
      await trial.refused('key-not-found', 'getValue', path);
      await trial.refused('key-not-found', 'deleteValue', path);
    },
  },
];
