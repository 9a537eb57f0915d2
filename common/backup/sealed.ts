/**
 * The outer layer of a backup: an age file (age-encryption.org/v1) to one X25519 recipient. Each chunk of 64 KiB is
 * authenticated with its place, and the last one as the last: what was altered, cut, lengthened or put in another order
 * does not open. The header is age's own library's; the chunks, which are all of the work, go through node:crypto: on a
 * small board the library would keep the box busy twenty times as long.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Refusal } from '#contract/problems.js';

const magic = Buffer.from('age-encryption.org/v1\n');
const headerEnds = Buffer.from('\n--- ');
/** One recipient takes 200 bytes; the library would read on for ever. */
const longestHeader = 4096;
const cipher = 'chacha20-poly1305';
const [chunkBytes, tagBytes, nonceBytes] = [64 * 1024, 16, 16];
const options = { authTagLength: tagBytes };

type Pieces = AsyncIterable<Uint8Array>;

const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32));

/** STREAM: a counter of 11 bytes, and whether it is the last. */
function chunkNonce(count: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(count, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** The pieces again, each of so many bytes but the last, which is marked; one, and empty, where there is nothing. */
async function* chunksOf(source: Pieces, size: number): AsyncGenerator<{ bytes: Buffer; isLast: boolean }> {
  let held = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      if (filled === size) {
        yield { bytes: held, isLast: false };
        held = Buffer.allocUnsafe(size);
        filled = 0;
      }
      const taken = piece.subarray(at, at + size - filled);
      held.set(taken, filled);
      filled += taken.length;
      at += taken.length;
    }
  }
  yield { bytes: held.subarray(0, filled), isLast: true };
}

/** @param recipient `age1…` */
export async function* seal(source: Pieces, recipient: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  let fileKey: Buffer | undefined;
  encrypter.addRecipient(recipient);
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = Buffer.from(key);
      return []; // it is nobody's: only the key is taken note of
    },
  });
  const empty = await encrypter.encrypt(new Uint8Array());
  if (!fileKey) throw new Error('the library gave no key');
  const nonce = randomBytes(nonceBytes);
  yield Buffer.concat([empty.subarray(0, empty.length - nonceBytes - tagBytes), nonce]);
  const key = payloadKey(fileKey, nonce);
  let count = 0;
  for await (const { bytes, isLast } of chunksOf(source, chunkBytes)) {
    const sealing = createCipheriv(cipher, key, chunkNonce(count++, isLast), options);
    yield Buffer.concat([sealing.update(bytes), sealing.final(), sealing.getAuthTag()]);
  }
}

/** Header and nonce, and what comes behind them. @throws Refusal `backup-none`, `backup-broken` */
async function openHeader(source: AsyncIterator<Uint8Array>): Promise<{ header: Buffer; nonce: Buffer; rest: Buffer }> {
  let begun = Buffer.alloc(0);
  for (;;) {
    const { done, value } = await source.next();
    if (done) throw new Refusal(begun.length === 0 ? 'backup-none' : 'backup-broken', 'it ends early');
    begun = Buffer.concat([begun, value]);
    const known = Math.min(begun.length, magic.length);
    if (!begun.subarray(0, known).equals(magic.subarray(0, known))) throw new Refusal('backup-none');
    const mac = begun.subarray(0, longestHeader).indexOf(headerEnds);
    const end = mac < 0 ? -1 : begun.subarray(0, longestHeader).indexOf(0x0a, mac + 1);
    if (end < 0 && begun.length > longestHeader) throw new Refusal('backup-none');
    const body = end + 1;
    if (end < 0 || begun.length < body + nonceBytes) continue;
    return {
      header: begun.subarray(0, body),
      nonce: begun.subarray(body, body + nonceBytes),
      rest: begun.subarray(body + nonceBytes),
    };
  }
}

/** @throws Refusal `backup-code-wrong`, `backup-broken` */
async function fileKeyIn(header: Uint8Array, identity: string): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/no identity matched/.test(why)) throw new Refusal('backup-code-wrong');
    throw new Refusal('backup-broken', why, { cause: error });
  }
}

function openChunk(key: Buffer, count: number, { bytes, isLast }: { bytes: Buffer; isLast: boolean }): Buffer {
  const broken = new Refusal('backup-broken', `chunk ${count} does not open`);
  // Only where there is nothing at all may the last be empty.
  if (bytes.length < tagBytes || (isLast && count > 0 && bytes.length === tagBytes)) throw broken;
  const opening = createDecipheriv(cipher, key, chunkNonce(count, isLast), options);
  opening.setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([opening.update(bytes.subarray(0, -tagBytes)), opening.final()]);
  } catch {
    throw broken;
  }
}

/**
 * @param identity `AGE-SECRET-KEY-1…`
 * @throws Refusal `backup-none`, `backup-code-wrong`, `backup-broken`, and what the source throws
 */
export async function* unseal(source: Pieces, identity: string): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const { header, nonce, rest } = await openHeader(iterator);
    const key = payloadKey(await fileKeyIn(header, identity), nonce);
    async function* behind(): AsyncGenerator<Uint8Array> {
      yield rest;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    }
    let count = 0;
    for await (const chunk of chunksOf(behind(), chunkBytes + tagBytes)) yield openChunk(key, count++, chunk);
  } finally {
    await iterator.return?.();
  }
}
