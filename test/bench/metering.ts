/**
 * What apps count: calls a second over the app's socket, against bare node:http that writes as much, synced; and against
 * `storage.put` of as many bytes on the same box.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { load, rawRequest } from './load.js';
import { part, type Workshop } from './workshop.js';

const unit = 'requests/s';
const body = Buffer.from(JSON.stringify({ unit: 'page', quantity: '1' }));
/** More than are answered in a millisecond. */
const perMillisecond = 20;

/** Each under a key of its own: what is sent again would not be counted. */
function counts(many: number): Buffer[] {
  const round = randomBytes(6).toString('hex');
  return Array.from({ length: many }, (_, at) => {
    const head = `POST /v1/metering HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: ${round}-${at}\r\n`;
    const rest = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head + rest), body]);
  });
}

export async function metering(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 3 : 9;
  const milliseconds = short ? 400 : 2000;
  const folder = await workshop.folder();
  const { said } = await workshop.serve([part('counting-box'), folder]);
  const [box = ''] = said;
  const bare = path.join(folder, 'bare.sock');
  await workshop.serve([part('bare-count'), bare, path.join(folder, 'bare')]);
  const puts = Array.from({ length: 1000 }, (_, at) => rawRequest('PUT', `/v1/storage/key-${at}`, body));

  const counted = (socketPath: string, time: number) =>
    load({ socketPath, requests: counts(time * perMillisecond), milliseconds: time });
  const stored = (time: number) => load({ socketPath: box, requests: puts, milliseconds: time });
  for (const socketPath of [box, bare]) await counted(socketPath, 500); // warm before the first count
  await stored(500);
  return [
    figure(
      'metering.count',
      unit,
      await inTurns(
        rounds,
        () => counted(box, milliseconds),
        () => counted(bare, milliseconds),
      ),
    ),
    figure(
      'metering.put',
      unit,
      await inTurns(
        rounds,
        () => counted(box, milliseconds),
        () => stored(milliseconds),
      ),
    ),
  ];
}
