/**
 * The reference for the standard API: bare node:http on a unix socket. Arguments: the socket, the answer to a GET as JSON,
 * and the folder of a database for the PUTs, each of which is answered once the same records as the agent's are synced. A
 * POST is a batch of them, and is told to who gets the address of the watch.
 */
import { createServer, type ServerResponse } from 'node:http';
import { Type } from 'typebox';
import { createCommits, type Operation } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { parseJson } from '#contract/parse.js';
import { buildHead } from '../../../agent/storage/record.js';

const [socketPath = '', text = '', folder = ''] = process.argv.slice(2);
const answer = parseJson(Type.Object({ headers: Type.Array(Type.String()), bodyBase64: Type.String() }), text);
if (!answer.ok) throw new Error('no answer to give');
const { headers } = answer.value;
const body = Buffer.from(answer.value.bodyBase64, 'base64');

const database = await openDatabase(folder, 1);
const commits = createCommits(database);
const values = database.sublevel<string, Buffer>('storage', { valueEncoding: 'buffer' });
const heads = database.sublevel<string, Buffer>('storage-meta', { valueEncoding: 'buffer' });
const usages = database.sublevel<string, object>('apps', { valueEncoding: 'json' });
let revision = 0;

const watching = new Set<ServerResponse>();
const usage = (): Operation => ({
  ...{ type: 'put', sublevel: usages, key: 'idle' },
  value: { revision, usedBytes: revision },
});

function operationsOf(key: string, value: Buffer): Operation[] {
  revision += 1;
  const contentType = 'application/octet-stream';
  const head = buildHead({ apart: false, revision, modifiedAt: Date.now(), sizeBytes: value.length, contentType });
  return [
    { type: 'put', sublevel: heads, key, value: head },
    { type: 'put', sublevel: values, key, value: Buffer.concat([head, value]) },
  ];
}

interface Batch {
  operations: { key: string; value: string }[];
}

async function batch(body: Buffer): Promise<string> {
  const { operations } = JSON.parse(body.toString('utf8')) as Batch;
  const all = operations.flatMap(({ key, value }) => operationsOf(key, Buffer.from(value)));
  const results = operations.map(({ key }, at) => ({ key, etag: `"${revision - operations.length + 1 + at}"` }));
  await commits.commit([...all, usage()]);
  for (const watcher of watching)
    for (const { key, etag } of results)
      watcher.write(`id: ${etag}\nevent: put\ndata: ${JSON.stringify({ type: 'put', key, etag })}\n\n`);
  return JSON.stringify({ results });
}

createServer((request, reply) => {
  if (request.url?.startsWith('/v1/storage:watch')) {
    reply.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    reply.write('event: ready\ndata: {"type":"ready"}\n\n');
    watching.add(reply);
    return void reply.once('close', () => watching.delete(reply));
  }
  if (request.method === 'GET') {
    reply.writeHead(200, headers);
    return void reply.end(body);
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const body = Buffer.concat(chunks);
    if (request.method === 'POST')
      return void batch(body).then((text) => {
        reply.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
        reply.end(text);
      });
    void commits.commit([...operationsOf(request.url ?? '', body), usage()]).then(() => {
      reply.writeHead(204, { etag: `"${revision}"` });
      reply.end();
    });
  });
}).listen(socketPath, () => console.log('ready'));
