/**
 * Leases extended and notifications told a second, one after the other, each on the disk before its answer; and how often
 * a second one event reaches fifty streams. Against a bare server that syncs one record and writes the same event.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { Lease } from '#contract/leases.js';
import { check } from '#contract/parse.js';
import { call } from '../support/api-box.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { load, rawRequest } from './load.js';
import { part, type Workshop } from './workshop.js';

const many = 50;
const json = 'application/json';
const body = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Fifty streams that are open; answers how often a second an event reaches all of them. */
async function openStreams(socketPath: string) {
  let come = 0;
  let all = (): void => {};
  const streams: IncomingMessage[] = [];
  for (let one = 0; one < many; one += 1) {
    const asked = request({ socketPath, path: '/v1/events', agent: false });
    asked.end();
    const [reply] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    reply.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        if (text.startsWith('event: low-space')) come += 1;
        text = text.slice(end + 2);
      }
      if (come === many) all();
    });
    reply.on('error', () => {});
    streams.push(reply);
  }
  return {
    async run(milliseconds: number): Promise<number> {
      const began = performance.now();
      let events = 0;
      while (performance.now() - began < milliseconds) {
        come = 0;
        const arrived = new Promise<void>((resolve) => {
          all = resolve;
        });
        await call(socketPath, 'PUT', '/v1/self/ready');
        await arrived;
        events += 1;
      }
      return (events * 1000) / (performance.now() - began);
    },
    close: () => {
      for (const stream of streams) stream.destroy();
    },
  };
}

export async function telling(
  workshop: Workshop,
  { short }: Conditions,
  name: 'leases' | 'notify' | 'events',
): Promise<Figure[]> {
  const rounds = short ? 3 : 9;
  const milliseconds = short ? 400 : 2000;
  const ours = await workshop.serve([part('telling')]);
  const [socketPath = ''] = ours.said;
  const folder = await workshop.folder();
  const reference = path.join(folder, 'bare.sock');
  const bare = await workshop.serve([part('bare-telling'), reference, path.join(folder, 'db')]);

  async function written(unit: string, requests: readonly Buffer[]): Promise<Figure> {
    const run = (at: string) => () => load({ socketPath: at, requests, milliseconds, connections: 1 });
    await run(socketPath)(); // both warm before the first count
    await run(reference)();
    return figure(name, unit, await inTurns(rounds, run(socketPath), run(reference)));
  }

  async function extended(): Promise<Figure> {
    const wish = { hold: 'reboot', reason: 'A figure is measured', seconds: 3600 };
    const taken = await call(socketPath, 'POST', '/v1/leases', { headers: { 'content-type': json }, body: body(wish) });
    const lease = check(Lease, taken.json);
    if (!lease.ok) throw new Error(`no lease: ${taken.text}`);
    return written('leases/s', [rawRequest('PUT', `/v1/leases/${lease.value.id}`, body({ seconds: 3600 }), json)]);
  }

  function told(): Promise<Figure> {
    const note = (count: number) => ({ title: 'A figure', text: `Number ${count}`, severity: 'info', key: 'bench' });
    const requests = Array.from({ length: 100 }, (_, count) =>
      rawRequest('POST', '/v1/notifications', body(note(count)), json),
    );
    return written('notices/s', requests);
  }

  async function heard(): Promise<Figure> {
    const [mine, theirs] = [await openStreams(socketPath), await openStreams(reference)];
    await mine.run(500);
    await theirs.run(500);
    const pair = await inTurns(
      rounds,
      () => mine.run(milliseconds),
      () => theirs.run(milliseconds),
    );
    mine.close();
    theirs.close();
    return figure(name, `events/s to ${many}`, pair);
  }

  const measured = await { leases: extended, notify: told, events: heard }[name]();
  await Promise.all([ours.stop(), bare.stop()]);
  return [measured];
}
