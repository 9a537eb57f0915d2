/**
 * A `.wza` archive, built and read in one place; its form is in `#contract/release.js`. Read in one pass, as it arrives:
 * each file is judged by its name, place and size before a byte of it is kept, and each blob is hashed while it is written.
 */
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { StatusLists } from '#contract/member.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import {
  type Descriptor,
  largestArchive,
  largestCredential,
  largestReleaseJws,
  type Release,
} from '#contract/release.js';
import { isDiskFull } from '../database.js';
import { type Bytes, createBytes } from './bytes.js';
import { blobEntry, blobFile, blobName, blobsOf, indexJson, layoutJson, smallFile } from './layout.js';
import { announcedBy } from './release.js';
import { content, endOfTar, nextEntry } from './tar.js';

/** In their order, with the most bytes that each may have. */
const heads: Readonly<Record<string, number>> = {
  'webizen/release.jws': largestReleaseJws,
  'webizen/credential.jwt': largestCredential,
  'webizen/status.json': 700_000,
  'oci-layout': 4096,
  'index.json': 65_536,
};
const headNames = Object.keys(heads);
const status = headNames.indexOf('webizen/status.json');

/** Kept free for everything else on the machine, bytes. */
const defaultReserveBytes = 64 * 1024 * 1024;

/** All of it as it stood in the archive: nothing is verified but that the blobs are what they are called. */
export interface ArchiveHead {
  /** Compact JWS. */
  release: string;
  /** Compact JWS, `vc+jwt`. */
  credential: string;
  status: StatusLists | undefined;
}
export interface OpenedArchive extends ArchiveHead {
  /** From digest to file. What the maker left out is not in it. */
  blobs: ReadonlyMap<string, string>;
}

export interface ArchiveParts {
  release: string;
  credential: string;
  status?: StatusLists;
  /** In any order; a blob that the box is known to have may be left out. */
  blobs: readonly { digest: string; size: number; file: string }[];
}

/** The same parts give the same bytes. @throws Refusal `release-malformed`, `archive-blob-unlisted`, `archive-blob-size` */
export async function* writeArchive(parts: ArchiveParts): AsyncGenerator<Uint8Array, void, undefined> {
  const release = announcedBy(parts.release);
  const files = new Map(parts.blobs.map(({ digest, file }) => [digest, file]));
  const listed = blobsOf(release);
  for (const { digest } of parts.blobs)
    if (!listed.some((blob) => blob.digest === digest)) throw new Refusal('archive-blob-unlisted', digest);
  yield* smallFile('webizen/release.jws', parts.release);
  yield* smallFile('webizen/credential.jwt', parts.credential);
  if (parts.status) {
    const { suspension, revocation } = parts.status;
    yield* smallFile('webizen/status.json', JSON.stringify({ suspension, revocation }));
  }
  yield* smallFile('oci-layout', layoutJson);
  yield* smallFile('index.json', indexJson(release.image));
  for (const blob of listed) {
    const file = files.get(blob.digest);
    if (file !== undefined) yield* blobEntry(blob, file);
  }
  yield endOfTar;
}

/** Whether a document gives a name to anything, however deep (image-spec 1.1, annotations). */
export const namesSomething = (text: string): boolean => /ref\.name|containerd\.image\.name/.test(text);

/** @throws Refusal `archive-index`, `archive-reference` */
function checkIndex(text: string, release: Release): void {
  if (text === indexJson(release.image)) return;
  // JSON may write any letter as an escape.
  const plain = text.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  throw new Refusal(namesSomething(plain) ? 'archive-reference' : 'archive-index');
}

interface Staging {
  directory: string;
  freeBytes(): number;
  reserveBytes: number;
}

/** @throws Refusal `disk-full`, `archive-blob-size`, `archive-blob-differs` */
async function stageBlob(bytes: Bytes, size: number, blob: Descriptor, to: Staging): Promise<string> {
  if (size !== blob.size) throw new Refusal('archive-blob-size', `${blob.digest}: ${size} for ${blob.size} bytes`);
  if (to.freeBytes() - size < to.reserveBytes) throw new Refusal('disk-full', `${size} bytes are needed`);
  const file = path.join(to.directory, blobFile(blob.digest));
  const hash = createHash('sha256');
  const handle = await open(file, 'wx', 0o600);
  try {
    await content(bytes, size, async (piece) => {
      hash.update(piece);
      await handle.writeFile(piece);
    });
    if (`sha256:${hash.digest('hex')}` !== blob.digest) throw new Refusal('archive-blob-differs', blob.digest);
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw isDiskFull(error) ? new Refusal('disk-full', `${size} bytes are needed`, { cause: error }) : error;
  } finally {
    await handle.close();
  }
  return file;
}

/**
 * Takes outside bytes. Leaves the blobs as files in `directory`, or, when it refuses or the source fails, nothing.
 * @param wish.admit is shown all that stands before the blobs; what it throws ends the reading before one is kept
 * @throws Refusal `archive-…`, `release-malformed`, `disk-full`, each before what it is about is kept
 */
export async function openArchive(
  source: AsyncIterable<Uint8Array>,
  wish: {
    /** Empty, and ours alone. */
    directory: string;
    freeBytes(): number;
    reserveBytes?: number;
    admit?(head: ArchiveHead): void | Promise<void>;
  },
): Promise<OpenedArchive> {
  const bytes = createBytes(source);
  const to = {
    directory: wish.directory,
    freeBytes: wish.freeBytes,
    reserveBytes: wish.reserveBytes ?? defaultReserveBytes,
  };
  const texts = new Map<string, string>();
  const blobs = new Map<string, string>();
  let release: Release | undefined;
  let listed: Descriptor[] = [];
  let total = endOfTar.length;
  let head: ArchiveHead | undefined;
  /** Of the file before. */
  let rank = -1;

  async function takeHead(name: string, size: number): Promise<void> {
    if (size > (heads[name] ?? 0)) throw new Refusal('archive-entry-large', `${name}: ${size} bytes`);
    const pieces: Uint8Array[] = [];
    await content(bytes, size, (piece) => void pieces.push(piece));
    const whole = Buffer.concat(pieces);
    const text = whole.toString('utf8');
    if (!Buffer.from(text).equals(whole)) throw new Refusal('archive-head', `${name} is not UTF-8`);
    texts.set(name, text);
    if (name === 'webizen/release.jws') {
      release = announcedBy(text);
      listed = blobsOf(release);
    }
    if (name === 'oci-layout' && text !== layoutJson) throw new Refusal('archive-head', name);
    if (name === 'index.json') await finishHead(text);
  }

  async function finishHead(index: string): Promise<void> {
    if (!release) throw new Refusal('archive-order');
    checkIndex(index, release);
    const stapled = texts.get('webizen/status.json');
    const lists = stapled === undefined ? undefined : parseJson(StatusLists, stapled);
    if (lists && !lists.ok) throw new Refusal('archive-head', `webizen/status.json: ${describeFaults(lists.faults)}`);
    const [jws, credential] = [texts.get('webizen/release.jws'), texts.get('webizen/credential.jwt')];
    if (jws === undefined || credential === undefined) throw new Refusal('archive-order');
    head = { release: jws, credential, status: lists?.value };
    await wish.admit?.(head);
  }

  /** Where a name has its place. @throws Refusal `archive-entry-unknown`, `archive-blob-unlisted` */
  function rankOf(name: string): number {
    const at = headNames.indexOf(name);
    if (at >= 0) return at;
    if (!/^blobs\/sha256\/[0-9a-f]{64}$/.test(name)) throw new Refusal('archive-entry-unknown', JSON.stringify(name));
    const blob = listed.findIndex(({ digest }) => blobName(digest) === name);
    if (blob < 0 && release) throw new Refusal('archive-blob-unlisted', name);
    return headNames.length + Math.max(blob, 0);
  }

  /** @throws Refusal `archive-entry-twice`, `archive-order` */
  function place(name: string): number {
    const its = rankOf(name);
    const headName = headNames[its];
    const seen = headName === undefined ? blobs.has(listed[its - headNames.length]?.digest ?? '') : texts.has(headName);
    if (seen) throw new Refusal('archive-entry-twice', name);
    if (its < rank) throw new Refusal('archive-order', name);
    for (let between = rank + 1; between < Math.min(its, headNames.length); between += 1)
      if (between !== status) throw new Refusal('archive-order', `${headNames[between]} is missing before ${name}`);
    return its;
  }

  try {
    for (let entry = await nextEntry(bytes); entry; entry = await nextEntry(bytes)) {
      total += 512 + Math.ceil(entry.size / 512) * 512;
      if (total > largestArchive) throw new Refusal('archive-too-large', `more than ${largestArchive} bytes`);
      rank = place(entry.name);
      const headName = headNames[rank];
      const blob = listed[rank - headNames.length];
      if (headName !== undefined) await takeHead(headName, entry.size);
      else if (blob) blobs.set(blob.digest, await stageBlob(bytes, entry.size, blob, to));
    }
    if (!head) throw new Refusal('archive-order', 'index.json is missing');
    return { ...head, blobs };
  } catch (error) {
    for (const file of blobs.values()) await rm(file, { force: true });
    throw error;
  } finally {
    await bytes.close();
  }
}
