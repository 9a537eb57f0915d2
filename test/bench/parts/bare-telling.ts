/**
 * The reference for leases, notifications and events: bare node:http on a unix socket, which answers a body once a record
 * is synced, and sends one event to every stream when it is asked to. Arguments: the socket, the folder of a database.
 */
import { createServer, type ServerResponse } from 'node:http';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';

const [socketPath = '', folder = ''] = process.argv.slice(2);
const database = await openDatabase(folder, 1);
const commits = createCommits(database);
const sublevel = database.sublevel<string, object>('records', { valueEncoding: 'json' });
const streams = new Set<ServerResponse>();

createServer((request, reply) => {
  if (request.url === '/v1/events') {
    reply.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.write('event: hello\ndata: {}\n\n');
    return void streams.add(reply);
  }
  if (request.url === '/v1/self/ready') {
    const event = JSON.stringify({ type: 'low-space', at: Date.now(), of: 'box', low: true });
    for (const stream of streams) stream.write(`event: low-space\ndata: ${event}\n\n`);
    return void reply.writeHead(204).end();
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const value = JSON.parse(Buffer.concat(chunks).toString('utf8')) as object;
    void commits.commit([{ type: 'put', sublevel, key: 'one', value }]).then(() => {
      const body = JSON.stringify({ ...value, at: Date.now() });
      reply.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      reply.end(body);
    });
  });
}).listen(socketPath, () => console.log('ready'));
