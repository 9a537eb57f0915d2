/** Requests a second of the standard API, over the app's socket, against bare node:http answering the same bytes. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { call } from '../support/api-box.js';
import { agentUnderTest } from './agent.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { load, rawRequest } from './load.js';
import { part, type Workshop } from './workshop.js';

const valueBytes = 400;
const keys = 1000;
const unit = 'requests/s';

/** Of an answer, what the bare server is to say too; node:http writes the rest itself. */
async function answerOf(socketPath: string, target: string): Promise<string> {
  const { headers, bytes } = await call(socketPath, 'GET', target);
  const own = new Set(['date', 'connection', 'keep-alive']);
  const said = Object.entries(headers).flatMap(([name, value]) => (own.has(name) ? [] : [name, String(value)]));
  return JSON.stringify({ headers: said, bodyBase64: bytes.toString('base64') });
}

const batchSize = 100;
/** More at once, and a watcher would be told to list again: the box keeps a thousand changes for it. */
const writers = 2;

/** Events a second that reach one watcher, while batches are written. */
async function watched(socketPath: string, requests: Buffer[], milliseconds: number): Promise<number> {
  const message = request({ socketPath, path: '/v1/storage:watch', agent: false }).end();
  const [reply] = (await once(message, 'response')) as [IncomingMessage];
  let count = 0;
  let rest = '';
  reply.setEncoding('latin1').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\nevent: put\n');
    count += parts.length - 1;
    rest = (parts.at(-1) ?? '').slice(-12);
    if (chunk.includes('event: reset')) throw new Error('the watcher fell behind');
  });
  const began = performance.now();
  await load({ socketPath, requests, milliseconds, connections: writers });
  const rate = (count * 1000) / (performance.now() - began);
  message.destroy();
  return rate;
}

export async function api(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 3 : 9;
  const milliseconds = short ? 400 : 2000;
  const agent = await agentUnderTest(workshop);
  await agent.start();
  const value = Buffer.alloc(valueBytes, 'v');
  const targets = Array.from({ length: keys }, (_, index) => `/v1/storage/key-${index}`);
  const put = targets.map((target) => rawRequest('PUT', target, value));
  const gets = targets.map((target) => rawRequest('GET', target));
  const box = [rawRequest('GET', '/v1/box')];

  async function bare(target: string): Promise<string> {
    const folder = await workshop.folder();
    const socketPath = path.join(folder, 'bare.sock');
    await workshop.serve([
      part('bare-http'),
      socketPath,
      await answerOf(agent.socketPath, target),
      path.join(folder, 'db'),
    ]);
    return socketPath;
  }

  async function compare(
    target: string,
    requests: Buffer[],
    measure = (socketPath: string) => load({ socketPath, requests, milliseconds }),
  ) {
    const reference = await bare(target);
    const run = (socketPath: string) => () => measure(socketPath);
    await load({ socketPath: agent.socketPath, requests, milliseconds: 500 }); // both warm before the first count
    await load({ socketPath: reference, requests, milliseconds: 500 });
    return inTurns(rounds, run(agent.socketPath), run(reference));
  }

  const list = `/v1/storage?prefix=key-&limit=${batchSize}`;
  const batches = Array.from({ length: 10 }, (_, at) => {
    const operations = Array.from({ length: batchSize }, (_, index) => ({
      ...{ op: 'put', key: `batch-${at * batchSize + index}`, value: value.toString('latin1') },
    }));
    return rawRequest('POST', '/v1/storage:batch', Buffer.from(JSON.stringify({ operations })), 'application/json');
  });

  const got = await compare('/v1/box', box);
  await load({ socketPath: agent.socketPath, requests: put, milliseconds: 500, atLeast: keys }); // every key holds a value
  return [
    figure('api.get', unit, got),
    figure('storage.put', unit, await compare('/v1/box', put)),
    figure('storage.get', unit, await compare('/v1/storage/key-1', gets)),
    figure('storage.list', unit, await compare(list, [rawRequest('GET', list)])),
    figure('storage.batch', unit, await compare('/v1/box', batches)),
    figure(
      'storage.watch',
      'events/s',
      await compare('/v1/box', batches, (socketPath) => watched(socketPath, batches, milliseconds)),
    ),
  ];
}
