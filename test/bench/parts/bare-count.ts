/**
 * The reference for counting: bare node:http on a unix socket. Each POST is answered once an entry, its key and a sum, of as
 * many bytes as the box's, are synced, those that wait together. Arguments: the socket, the folder of a database.
 */
import { createServer } from 'node:http';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import type { NewUsage, UsageEntry } from '#contract/metering.js';

const [socketPath = '', folder = ''] = process.argv.slice(2);
const database = await openDatabase(folder, 1);
const commits = createCommits(database);
const json = { valueEncoding: 'json' } as const;
const entries = database.sublevel<string, UsageEntry>('usage-entries', json);
const keys = database.sublevel<string, number>('usage-keys', json);
const counts = database.sublevel<string, object>('usage-counts', json);
const agreement = 'agreement-00000000000000000000';
const hash = '0'.repeat(64);
let number = 0;

createServer((request, reply) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const usage = JSON.parse(Buffer.concat(chunks).toString('utf8')) as NewUsage;
    const key = String(request.headers['idempotency-key']);
    number += 1;
    const at = Date.now();
    const entry: UsageEntry = { agreement, entry: number, at, ...usage, key, trial: false, previous: hash, hash };
    const sums = [{ unit: usage.unit, quantity: String(number), trial: '0' }];
    const count = {
      ...{ agreement, app: 'counting', member: 'acme', box: 'box-000000000001', period: '2026-11', entry: number },
      ...{ head: hash, at, from: 1, before: null, sums, number: 0, stated: null, previous: null, oldest: 1, toldTo: 0 },
    };
    const body = JSON.stringify(entry);
    void commits
      .commit([
        { type: 'put', sublevel: entries, key: `${agreement}!${String(number).padStart(10, '0')}`, value: entry },
        { type: 'put', sublevel: keys, key: `${agreement}!${key}`, value: number },
        { type: 'put', sublevel: counts, key: agreement, value: count },
      ])
      .then(() => {
        reply.writeHead(201, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
        reply.end(body);
      });
  });
}).listen(socketPath, () => console.log('ready'));
