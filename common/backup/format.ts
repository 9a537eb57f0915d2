/**
 * What a backup holds, written and read in one place: `#contract/backup.js` says which files stand in it in which order.
 * Read in one pass, as it arrives. Whatever the bytes say, a name is one of a short list and a size is bounded before
 * anything of it is kept; and all of it counts only when `end.json` has passed.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { AppId } from '#contract/api.js';
import { BackupEnd, BackupHead, backupFormat, type OwnersConcern, ownersConcerns } from '#contract/backup.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { largestArchive } from '#contract/release.js';
import { createBytes } from '../archive/bytes.js';
import { content, endOfTar, headerOf, nextEntry, padding } from '../archive/tar.js';
import { buildRow, largestRowsFile, parseRows, type Row, rowsFileBytes } from './rows.js';

export interface BackupParts {
  head: BackupHead;
  /** `owner.json`: the owner's key, wrapped by passphrase and recovery code. */
  owner: Uint8Array | undefined;
  /** The apps' key files. */
  keys: ReadonlyMap<string, Uint8Array>;
  rows: (concern: OwnersConcern) => AsyncIterable<Row>;
  /** Of releases that came as files. `digest`: 64 hex digits. */
  blobs: readonly { digest: string; size: number; file: string }[];
  /** Hex, of `keysOf`. */
  macKey: string;
}

const number = (count: number): string => String(count).padStart(8, '0');
const macOf = (macKey: string, digest: Buffer): Buffer =>
  createHmac('sha256', Buffer.from(macKey, 'hex')).update(digest).digest();

async function* rowFiles(rows: AsyncIterable<Row>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let size = 0;
  for await (const row of rows) {
    const built = buildRow(row);
    waiting.push(built);
    size += built.length;
    if (size < rowsFileBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(waiting);
}

/** The tar, before it is sealed. */
export async function* writeBackup(parts: BackupParts): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let files = 0;
  function* file(name: string, bytes: Uint8Array): Generator<Uint8Array> {
    files += 1;
    const pieces = [headerOf({ name, size: bytes.length }), bytes, padding(bytes.length)];
    for (const piece of pieces) {
      hash.update(piece);
      yield piece;
    }
  }
  yield* file('webizen-backup.json', Buffer.from(JSON.stringify(parts.head, null, 1)));
  if (parts.owner) yield* file('owner.json', parts.owner);
  for (const [app, key] of [...parts.keys].sort(([a], [b]) => (a < b ? -1 : 1))) yield* file(`keys/${app}.key`, key);
  for (const concern of ownersConcerns) {
    let count = 0;
    for await (const bytes of rowFiles(parts.rows(concern))) yield* file(`rows/${concern}/${number(count++)}`, bytes);
  }
  for (const { digest, size, file: from } of [...parts.blobs].sort((a, b) => (a.digest < b.digest ? -1 : 1))) {
    files += 1;
    const header = headerOf({ name: `blobs/${digest}`, size });
    hash.update(header);
    yield header;
    let left = size;
    for await (const piece of createReadStream(from, { highWaterMark: 256 * 1024 })) {
      left -= piece.length;
      if (left < 0) break;
      hash.update(piece);
      yield piece;
    }
    if (left !== 0) throw new Refusal('internal', `${from} has another size`);
    hash.update(padding(size));
    yield padding(size);
  }
  const end: BackupEnd = { files, mac: macOf(parts.macKey, hash.digest()).toString('hex') };
  const text = Buffer.from(JSON.stringify(end));
  yield Buffer.concat([headerOf({ name: 'end.json', size: text.length }), text, padding(text.length), endOfTar]);
}

/** Takes what a backup holds, piece by piece; nothing of it counts before `readBackup` has answered. */
export interface BackupSink {
  head(head: BackupHead): void | Promise<void>;
  owner(bytes: Buffer): void | Promise<void>;
  key(app: string, bytes: Buffer): void | Promise<void>;
  rows(concern: OwnersConcern, rows: Row[]): void | Promise<void>;
  /** It is the blob of that digest only once `end` is called. */
  blob(blob: {
    digest: string;
    size: number;
  }): Promise<{ write(piece: Uint8Array): Promise<void>; end(): Promise<void> }>;
}

const largest = { 'webizen-backup.json': 1024 * 1024, 'owner.json': 65_536, 'end.json': 4096 } as const;
const largestKey = 4096;

const concerns: readonly (string | undefined)[] = ownersConcerns;

/**
 * Where a file has its place: after all of a lower rank, and those of its own rank by `order`; and how large it may be.
 * Undefined for what has none. Keys go by their apps: `a` is before `a-b`, as `a.key` is not before `a-b.key`.
 */
function placeOf(name: string): { rank: number; order: string; most: number } | undefined {
  if (name === 'webizen-backup.json') return { rank: 0, order: name, most: largest[name] };
  if (name === 'owner.json') return { rank: 1, order: name, most: largest[name] };
  if (name === 'end.json') return { rank: 1000, order: name, most: largest[name] };
  const app = /^keys\/(.+)\.key$/.exec(name)?.[1];
  if (app !== undefined) return check(AppId, app).ok ? { rank: 2, order: app, most: largestKey } : undefined;
  const named = /^rows\/([a-zA-Z-]+)\/\d{8}$/.exec(name)?.[1];
  const concern = concerns.indexOf(named);
  if (concern >= 0) return { rank: 3 + concern, order: name, most: largestRowsFile };
  return /^blobs\/[0-9a-f]{64}$/.test(name) ? { rank: 900, order: name, most: largestArchive } : undefined;
}

const broken = (detail: string, cause?: unknown): Refusal => new Refusal('backup-broken', detail, { cause });

/** @throws Refusal `backup-newer`, `backup-broken` */
function headIn(bytes: Buffer, storeVersion: number): BackupHead {
  const read = parseJson(BackupHead, bytes);
  const format = read.ok ? Number(read.value.format.slice('webizen-backup-'.length)) : 0;
  // What a later form says besides is for those who know it.
  const said = /"format":\s*"webizen-backup-([1-9][0-9]{0,5})"/.exec(bytes.toString('utf8'))?.[1];
  if (format > backupFormat || (!read.ok && Number(said ?? 0) > backupFormat)) throw new Refusal('backup-newer');
  if (!read.ok) throw broken(`webizen-backup.json: ${describeFaults(read.faults)}`);
  if (read.value.store > storeVersion) throw new Refusal('backup-newer');
  return read.value;
}

/**
 * Takes outside bytes, unsealed.
 * @param wish.storeVersion the newest store that is understood
 * @throws Refusal `backup-newer`, `backup-not-own`, `backup-broken`, and what the sink throws
 */
export async function readBackup(
  source: AsyncIterable<Uint8Array>,
  { macKey, sink, storeVersion }: { macKey: string; sink: BackupSink; storeVersion: number },
): Promise<BackupHead> {
  const bytes = createBytes(source);
  const hash = createHash('sha256');
  let before = { rank: -1, order: '' };
  let files = 0;
  let head: BackupHead | undefined;
  let isEnded = false;

  async function whole(size: number, counts = true): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    await content(bytes, size, (piece) => void pieces.push(piece));
    const all = Buffer.concat(pieces);
    if (counts) hash.update(all).update(padding(size));
    return all;
  }

  async function take(name: string, size: number): Promise<void> {
    const [kind, one = '', two] = name.split('/');
    if (kind === 'end.json') return end(await whole(size, false));
    if (kind === 'webizen-backup.json') {
      head = headIn(await whole(size), storeVersion);
      return sink.head(head);
    }
    if (kind === 'owner.json') return sink.owner(await whole(size));
    if (kind === 'keys') return sink.key(one.slice(0, -'.key'.length), await whole(size));
    if (kind === 'rows' && two !== undefined) {
      const concern = ownersConcerns.find((known) => known === one);
      return concern && sink.rows(concern, parseRows(await whole(size)));
    }
    const blob = await sink.blob({ digest: one, size });
    const its = createHash('sha256');
    await content(bytes, size, async (piece) => {
      its.update(piece);
      hash.update(piece);
      await blob.write(piece);
    });
    hash.update(padding(size));
    if (its.digest('hex') !== one) throw broken(`${name} is not what it is called`);
    await blob.end();
  }

  function end(text: Buffer): void {
    const read = parseJson(BackupEnd, text);
    if (!read.ok) throw broken(`end.json: ${describeFaults(read.faults)}`);
    if (read.value.files !== files - 1) throw broken(`${read.value.files} files were written, ${files - 1} are here`);
    if (!timingSafeEqual(Buffer.from(read.value.mac, 'hex'), macOf(macKey, hash.digest())))
      throw new Refusal('backup-not-own');
    isEnded = true;
  }

  try {
    for (let entry = await nextEntry(bytes); entry; entry = await nextEntry(bytes)) {
      const { name, size } = entry;
      const place = placeOf(name);
      if (!place) throw broken(`${JSON.stringify(name)} has no place in it`);
      if (size > place.most) throw broken(`${name} has ${size} bytes`);
      const isBehind = place.rank > before.rank || (place.rank === before.rank && place.order > before.order);
      if (!isBehind || isEnded || (files === 0) !== (place.rank === 0))
        throw broken(`${name} stands in the wrong place`);
      before = place;
      files += 1;
      if (place.rank !== 1000) hash.update(headerOf({ name, size }));
      await take(name, size);
    }
    if (!head || !isEnded) throw broken('it ends early');
    return head;
  } catch (error) {
    if (error instanceof Refusal && error.code.startsWith('archive-')) throw broken(error.message, error);
    throw error;
  } finally {
    await bytes.close();
  }
}
