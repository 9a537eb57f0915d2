/**
 * Reads the layers that any builder wrote, and keeps nothing: pax headers (POSIX.1-2001) and GNU's long names are
 * understood as Go's archive/tar does, which is what unpacks them later, so that both see the same names. Bounded while it
 * unpacks: by entries, by bytes, and by the ratio of unpacked to packed.
 *
 * Symbolic links may lead anywhere, also to `/` and `..`: every image has such, and an engine resolves them with the
 * image as its root, when it unpacks and when the app runs. A hard link is made at unpacking, so its target is held to
 * what names are held to. Owners, modes and extended attributes mean nothing in a sandbox of one user without privileges.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Refusal } from '#contract/problems.js';
import { type Descriptor, freelyUnpacked, imageLayerTypes, largestRatio } from '#contract/release.js';
import { type Bytes, createBytes, EndedEarly } from './bytes.js';
import { allZero, blockBytes, numberAt, padding, staysInside, sumOf, textAt } from './tar.js';

/** What all layers of an image may have together; counted down. */
export interface Allowance {
  bytes: number;
  entries: number;
}

export interface CheckedLayer {
  /** As which it was read: the same bytes may be something else under another. */
  mediaType: string;
  diffId: string;
  /** Unpacked, bytes. */
  sizeBytes: number;
  /** Headers in it. */
  entries: number;
}

/** Of one header beyond the first 512 bytes: pax records or a long name. */
const longestExtension = 64 * 1024;
/** The next pieces are unpacked while one is hashed. */
const unpacking = { chunkSize: 256 * 1024, highWaterMark: 1024 * 1024 };
const malformed = (detail: string) => new Refusal('layer-malformed', detail);

interface Told {
  path?: string;
  linkpath?: string;
  size?: number;
}

/** `{length} {key}={value}\n`, again and again; what changes neither names nor sizes is passed over. */
function paxRecords(text: Buffer): Told {
  const told: Told = {};
  for (let at = 0; at < text.length; ) {
    const blank = text.indexOf(0x20, at);
    const length = Number(/^[1-9]\d{0,6}$/.exec(text.toString('latin1', at, Math.max(blank, at)))?.[0]);
    const record = text.toString('utf8', blank + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (!(length > 0) || at + length > text.length || text[at + length - 1] !== 0x0a || equals < 1)
      throw malformed('a pax record');
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key.startsWith('GNU.sparse.')) throw new Refusal('layer-entry-kind', 'a sparse file');
    if (key === 'path' || key === 'linkpath') told[key] = value;
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw malformed('a pax size');
      told.size = Number(value);
    }
    at += length;
  }
  return told;
}

/** The long form of a name where magic and version are ustar's; elsewhere the field means other things. */
function nameOf(header: Buffer): string {
  const name = textAt(header, 0, 100);
  if (header.toString('latin1', 257, 265) !== 'ustar\x0000') return name;
  if (header.toString('latin1', 508, 512) === 'tar\0') throw malformed("star's own headers");
  const prefix = textAt(header, 345, 155);
  return prefix ? `${prefix}/${name}` : name;
}

function checkName(name: string, of: string): void {
  if (name === '') throw malformed('an entry without a name');
  if (!staysInside(name)) throw new Refusal('layer-path', `${of} ${JSON.stringify(name)}`);
}

async function extension(bytes: Bytes, size: number): Promise<Buffer> {
  if (size > longestExtension) throw malformed(`a header of ${size} bytes`);
  const text = await bytes.take(size);
  if (!text) throw new EndedEarly();
  await bytes.flow(padding(size).length, () => {});
  return text;
}

/**
 * What packed data begins with: gzip, bzip2, xz, zstd. Engines unpack by this whatever the media type says, so a plain tar
 * whose first name begins so could be another tar to them.
 */
const packedBeginnings = ['1f8b08', '425a68', 'fd377a585a00', '28b52ffd'];

/** @throws Refusal `layer-malformed`, `layer-path`, `layer-entry-kind`, `layer-too-large` */
async function scan(bytes: Bytes, allowance: Allowance, isPlain: boolean): Promise<void> {
  let first = isPlain;
  let told: Told = {};
  /** Of the headers that belong to the next one. Readers disagree about which of two holds, so there is no second. */
  const before = new Set<string>();
  const once = (kind: string) => {
    if (before.has(kind) || before.has('x') || (kind === 'x' && before.size > 0)) throw malformed('two long names');
    before.add(kind);
  };
  for (;;) {
    const header = await bytes.take(blockBytes);
    if (!header) throw new EndedEarly();
    const beginning = first ? header.toString('hex', 0, 6) : '';
    if (packedBeginnings.some((magic) => beginning.startsWith(magic)))
      throw malformed('it is packed and says it is not');
    first = false;
    if (allZero(header)) break;
    if (numberAt(header, 148, 8) !== sumOf(header)) throw malformed('a sum of a header is wrong');
    const own = numberAt(header, 124, 12);
    if (own === undefined) throw malformed('a size');
    const kind = header.toString('latin1', 156, 157);
    allowance.entries -= 1;
    if (allowance.entries < 0) throw new Refusal('layer-too-large', 'it has too many files');
    if (kind === 'x') {
      once(kind);
      told = paxRecords(await extension(bytes, own));
      continue;
    }
    if (kind === 'g') {
      // Go's reader does not apply these to what follows; other readers do.
      if (Object.keys(paxRecords(await extension(bytes, own))).length > 0) throw malformed('names in a global header');
      continue;
    }
    if (kind === 'L' || kind === 'K') {
      once(kind);
      const text = await extension(bytes, own);
      told[kind === 'L' ? 'path' : 'linkpath'] = textAt(text, 0, text.length);
      continue;
    }
    if (!['0', '\0', '1', '2', '5'].includes(kind))
      throw new Refusal('layer-entry-kind', `${JSON.stringify(nameOf(header))} is of the kind ${JSON.stringify(kind)}`);
    const name = told.path ?? nameOf(header);
    checkName(name, 'the name');
    if (kind === '1') checkName(told.linkpath ?? textAt(header, 157, 100), 'the hard link to');
    const size = told.size ?? own;
    // Links and folders have no content, whatever their headers say; readers differ where they say some.
    if (size > 0 && ((kind !== '0' && kind !== '\0') || name.endsWith('/')))
      throw malformed('content where none can be');
    await bytes.flow(size, () => {});
    await bytes.flow(padding(size).length, () => {});
    told = {};
    before.clear();
  }
  if (before.size > 0) throw malformed('it ends after half a header');
  // Builders fill up to ten kilobytes or so with zeros. Anything else would be seen by one reader and not by another.
  for (let piece = await bytes.take(blockBytes); piece; piece = await bytes.take(blockBytes))
    if (!allZero(piece)) throw malformed('there is more after its end');
}

/**
 * The layer's `diffId`, once all of it is found good.
 * @param allowance what is left for this layer and those after it
 * @throws Refusal `layer-malformed`, `layer-path`, `layer-entry-kind`, `layer-too-large`
 */
export async function checkLayer(layer: Descriptor, file: string, allowance: Allowance): Promise<CheckedLayer> {
  const { entries } = allowance;
  const most = Math.min(allowance.bytes, freelyUnpacked + layer.size * largestRatio);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const packed = createReadStream(file, { highWaterMark: 256 * 1024 });
  const plain = layer.mediaType === imageLayerTypes[0] ? packed.pipe(createGunzip(unpacking)) : packed;
  packed.on('error', (error) => plain.destroy(error));

  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const piece of plain as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (sizeBytes > most) throw new Refusal('layer-too-large', `${layer.digest}: more than ${most} bytes unpacked`);
      hash.update(piece);
      yield piece;
    }
  }
  const bytes = createBytes(measured());
  try {
    await scan(bytes, allowance, plain === packed);
  } catch (error) {
    const damaged = error instanceof EndedEarly || (error instanceof Error && /^Z_/.test(codeOf(error)));
    throw damaged ? new Refusal('layer-malformed', `${layer.digest} cannot be unpacked`, { cause: error }) : error;
  } finally {
    await bytes.close();
    packed.destroy();
    plain.destroy();
  }
  allowance.bytes -= sizeBytes;
  const diffId = `sha256:${hash.digest('hex')}`;
  return { mediaType: layer.mediaType, diffId, sizeBytes, entries: entries - allowance.entries };
}

const codeOf = (error: Error): string => String((error as NodeJS.ErrnoException).code ?? '');
