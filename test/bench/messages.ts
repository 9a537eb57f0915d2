/**
 * Messages of apps: how many a second a box takes onto its disk, many asked for at once, against as many bare synced puts
 * of the same bytes; and how many are signed, encrypted, decrypted and verified, against the same work by bare node:crypto.
 */
import {
  createCipheriv,
  createDecipheriv,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Level } from 'level';
import { openMemberMessage, sealMemberMessage } from '#common/messages/seal.js';
import { app, boxId, messageRooms, testMaker } from '../support/message-rooms.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

const atOnce = 64;
const body = Buffer.alloc(1024, 'm');

/** How many a second, so many at once. */
async function rate(milliseconds: number, width: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - began < milliseconds) {
      await work();
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return (done * 1000) / (performance.now() - began);
}

const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** One message there and back, by the primitives alone. */
function bare(signer: ReturnType<typeof pair>, reader: ReturnType<typeof pair>): void {
  const signature = sign('sha256', body, { key: signer.privateKey, dsaEncoding: 'ieee-p1363' });
  const own = pair();
  const key = diffieHellman({ privateKey: own.privateKey, publicKey: reader.publicKey });
  const nonce = randomBytes(12);
  const lock = createCipheriv('aes-256-gcm', key, nonce);
  const text = Buffer.concat([lock.update(body), lock.update(signature), lock.final()]);
  const unlock = createDecipheriv(
    'aes-256-gcm',
    diffieHellman({ privateKey: reader.privateKey, publicKey: own.publicKey }),
    nonce,
  );
  unlock.setAuthTag(lock.getAuthTag());
  const plain = Buffer.concat([unlock.update(text), unlock.final()]);
  const right = verify(
    'sha256',
    plain.subarray(0, body.length),
    { key: signer.publicKey, dsaEncoding: 'ieee-p1363' },
    plain.subarray(body.length),
  );
  if (!right) throw new Error('the reference does not verify');
}

export async function messages(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 3 : 9;
  const milliseconds = short ? 300 : 2000;
  const folder = await workshop.folder();
  await mkdir(path.join(folder, 'box'), { mode: 0o700 });
  const limits = { bytesOfApp: 2 ** 40, bytes: 2 ** 40, countOfApp: 2 ** 30 };
  const ends: (() => unknown)[] = [];
  const rooms = await messageRooms({ teardown: (end) => ends.push(end) }, { folder: path.join(folder, 'box'), limits });
  const level = new Level<string, Buffer>(path.join(folder, 'bare'), { valueEncoding: 'buffer' });
  await level.open();
  let number = 0;
  const text = body.toString('latin1');
  const send = () => rooms.messages.send(app, { name: 'note', body: text });
  const put = () => {
    number += 1;
    return level.put(String(number).padStart(16, '0'), body, { sync: true });
  };
  await send(); // the key of the app is made once
  const queued = await inTurns(
    rounds,
    () => rate(milliseconds, atOnce, send),
    () => rate(milliseconds, atOnce, put),
  );

  const maker = await testMaker();
  const { messageJwk: to } = maker;
  const keys = new Map([[to.kid, maker.messageKey]]);
  const at = Date.now();
  const place = { id: 'a'.repeat(32), app, box: boxId, name: 'note' };
  const head = { ...place, at, expiresAt: at + 60_000, contentType: 'text/plain' };
  const thereAndBack = async (): Promise<void> => {
    const sealed = await sealMemberMessage({ ...head, body }, { to, key: maker.key });
    const wish = { place, keys, bound: maker.jwk, member: 'acme', now: at, trusted: true };
    const opened = await openMemberMessage(sealed, wish);
    if (!opened.ok) throw new Error(opened.code);
  };
  const [signer, reader] = [pair(), pair()];
  const sealed = await inTurns(
    rounds,
    () => rate(milliseconds, 1, thereAndBack),
    () => rate(milliseconds, 1, async () => bare(signer, reader)),
  );
  await level.close();
  for (const end of ends) await end();
  return [figure('messages.queue', 'messages/s', queued), figure('messages.seal', 'messages/s', sealed)];
}
