/** Requests a second of the standard API, over the app's socket, against bare node:http answering the same bytes. */
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

  async function compare(target: string, requests: Buffer[]) {
    const reference = await bare(target);
    const run = (socketPath: string) => () => load({ socketPath, requests, milliseconds });
    await load({ socketPath: agent.socketPath, requests, milliseconds: 500 }); // both warm before the first count
    await load({ socketPath: reference, requests, milliseconds: 500 });
    return inTurns(rounds, run(agent.socketPath), run(reference));
  }

  const got = await compare('/v1/box', box);
  await load({ socketPath: agent.socketPath, requests: put, milliseconds: 500, atLeast: keys }); // every key holds a value
  return [
    figure('api.get', unit, got),
    figure('storage.put', unit, await compare('/v1/box', put)),
    figure('storage.get', unit, await compare('/v1/storage/key-1', gets)),
  ];
}
