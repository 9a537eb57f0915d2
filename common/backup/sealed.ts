/**
 * The outer layer of a backup: an age file (age-encryption.org/v1) to one X25519 recipient. Each chunk of 64 KiB is
 * authenticated with its place, and the last one as the last: what was altered, cut, lengthened or put in another order
 * does not open.
 */
import { ReadableStream } from 'node:stream/web';
import { Refusal } from '#contract/problems.js';

const magic = Buffer.from('age-encryption.org/v1\n');
const headerEnds = Buffer.from('\n--- ');
/** One recipient takes 200 bytes; the library would read on for ever. */
const longestHeader = 4096;

type Pieces = AsyncIterable<Uint8Array>;
/** The library's types are a browser's, whose streams are the same. */
type BrowserStream = globalThis.ReadableStream<Uint8Array<ArrayBuffer>>;
const streamOf = (source: Pieces): BrowserStream => ReadableStream.from(source) as unknown as BrowserStream;

/** @param recipient `age1…` */
export async function* seal(source: Pieces, recipient: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  yield* (await encrypter.encrypt(streamOf(source))) as unknown as Pieces;
}

/** Passes on what begins as such a file. @throws Refusal `backup-none` */
async function* withHeader(source: Pieces): AsyncGenerator<Uint8Array, void, undefined> {
  let begun: Buffer | undefined = Buffer.alloc(0);
  const isOne = (bytes: Buffer): boolean =>
    bytes.subarray(0, magic.length).equals(magic.subarray(0, Math.min(bytes.length, magic.length)));
  for await (const piece of source) {
    if (!begun) {
      yield piece;
      continue;
    }
    begun = Buffer.concat([begun, piece]);
    if (!isOne(begun)) throw new Refusal('backup-none');
    if (begun.subarray(0, longestHeader).includes(headerEnds)) {
      yield begun;
      begun = undefined;
    } else if (begun.length > longestHeader) throw new Refusal('backup-none');
  }
  if (begun) throw new Refusal(begun.length === 0 ? 'backup-none' : 'backup-broken', 'it ends early');
}

/**
 * @param identity `AGE-SECRET-KEY-1…`
 * @throws Refusal `backup-none`, `backup-code-wrong`, `backup-broken`, and what the source throws
 */
export async function* unseal(source: Pieces, identity: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  /** The library passes on as its own what reading has thrown. */
  let thrown: { error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* withHeader(source);
    } catch (error) {
      thrown = { error };
      throw error;
    }
  }
  try {
    yield* (await decrypter.decrypt(streamOf(watched()))) as unknown as Pieces;
  } catch (error) {
    if (thrown) throw thrown.error;
    if (error instanceof Refusal) throw error;
    const why = error instanceof Error ? error.message : String(error);
    if (/no identity matched/.test(why)) throw new Refusal('backup-code-wrong');
    throw new Refusal('backup-broken', why, { cause: error });
  }
}
