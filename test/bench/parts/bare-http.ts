/**
 * The reference for the standard API: bare node:http on a unix socket. Arguments: the socket, the answer to a GET as JSON,
 * and the folder of a database for the PUTs, each of which is answered once the same records as the agent's are synced.
 */
import { createServer } from 'node:http';
import { Type } from 'typebox';
import { createCommits } from '#common/commits.js';
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

async function put(key: string, value: Buffer): Promise<void> {
  revision += 1;
  const contentType = 'application/octet-stream';
  const head = buildHead({ apart: false, revision, modifiedAt: Date.now(), sizeBytes: value.length, contentType });
  await commits.commit([
    { type: 'put', sublevel: heads, key, value: head },
    { type: 'put', sublevel: values, key, value: Buffer.concat([head, value]) },
    { type: 'put', sublevel: usages, key: 'idle', value: { revision, usedBytes: revision } },
  ]);
}

createServer((request, reply) => {
  if (request.method === 'GET') {
    reply.writeHead(200, headers);
    return void reply.end(body);
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    void put(request.url ?? '', Buffer.concat(chunks)).then(() => {
      reply.writeHead(204, { etag: `"${revision}"` });
      reply.end();
    });
  });
}).listen(socketPath, () => console.log('ready'));
