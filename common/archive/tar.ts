/**
 * Tar as archives of apps and layers of images have it: ustar (POSIX.1-1988) of blocks of 512 bytes. One name and one size
 * give one header, byte for byte, so that the reader holds what it finds against what it would have written and nothing
 * can hide in a field that nobody looks at. What others wrote, in layers, is read by `layer.ts`.
 */
import { Refusal } from '#contract/problems.js';
import { type Bytes, EndedEarly } from './bytes.js';

export const blockBytes = 512;
export const endOfTar = Buffer.alloc(2 * blockBytes);
/** What fills the last block of a content of this size. */
export const padding = (size: number): Buffer => Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);

export interface Entry {
  /** Relative, with `/`. A directory's ends with one. */
  name: string;
  /** Bytes of content. */
  size: number;
  kind?: 'file' | 'directory' | 'symlink';
  mode?: number;
  /** Of a symlink. */
  target?: string;
}

const flags = { file: '0', directory: '5', symlink: '2' } as const;
const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;

/** Name (100 bytes) and prefix (155 bytes), cut at a slash. @throws Refusal `pack-refused` */
function places(name: string): [name: Buffer, prefix: Buffer] {
  const whole = Buffer.from(name);
  if (whole.length <= 100) return [whole, Buffer.alloc(0)];
  for (let at = whole.indexOf(0x2f, whole.length - 101); at > 0 && at <= 155; at = whole.indexOf(0x2f, at + 1))
    if (at < whole.length - 1) return [whole.subarray(at + 1), whole.subarray(0, at)];
  throw new Refusal('pack-refused', `the name ${name} is too long`);
}

/** The sum over a header, with blanks in place of the sum itself. */
export function sumOf(header: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < blockBytes; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0);
  return sum;
}

/** Owned by nobody, made at no time. @throws Refusal `pack-refused` when a name is longer than ustar holds */
export function headerOf({ name, size, kind = 'file', mode = 0o644, target = '' }: Entry): Buffer {
  if (Buffer.byteLength(target) > 100) throw new Refusal('pack-refused', `the link ${name} leads too far`);
  const header = Buffer.alloc(blockBytes);
  const [short, prefix] = places(name);
  short.copy(header, 0);
  header.write(octal(mode, 7), 100, 'latin1');
  header.write(octal(0, 7), 108, 'latin1');
  header.write(octal(0, 7), 116, 'latin1');
  header.write(octal(size, 11), 124, 'latin1');
  header.write(octal(0, 11), 136, 'latin1');
  header.write(flags[kind], 156, 'latin1');
  header.write(target, 157, 'utf8');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(octal(0, 7), 329, 'latin1');
  header.write(octal(0, 7), 337, 'latin1');
  prefix.copy(header, 345);
  header.write(`${octal(sumOf(header), 6)} `, 148, 'latin1');
  return header;
}

/** Up to its closing zero, or the whole field. */
export function textAt(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('utf8');
}

/** Octal digits with blanks or zeros around them; undefined for anything else, base-256 included. */
export function numberAt(header: Buffer, at: number, length: number): number | undefined {
  const digits = /^ *([0-7]*)[ \0]*$/.exec(header.toString('latin1', at, at + length));
  return digits ? Number.parseInt(digits[1] || '0', 8) : undefined;
}

export const allZero = (block: Uint8Array): boolean => block.every((byte) => byte === 0);

/** Whether a name stays below the place where it is unpacked. */
export const staysInside = (name: string): boolean =>
  !name.startsWith('/') && !name.includes('\0') && !name.split('/').includes('..');

const cutOff = (error: unknown): never => {
  if (error instanceof EndedEarly) throw new Refusal('archive-truncated', undefined, { cause: error });
  throw error;
};

/**
 * The header of the next file of an archive; undefined at its end, after which there is nothing.
 * @throws Refusal `archive-truncated`, `archive-trailing`, `archive-malformed`, `archive-entry-kind`, `archive-path`
 */
export async function nextEntry(bytes: Bytes): Promise<{ name: string; size: number } | undefined> {
  const header = await bytes.take(blockBytes).catch(cutOff);
  if (!header) throw new Refusal('archive-truncated');
  if (allZero(header)) {
    const second = await bytes.take(blockBytes).catch(cutOff);
    if (!second) throw new Refusal('archive-truncated');
    if (!allZero(second)) throw new Refusal('archive-malformed', 'a lone block of zeros');
    if (await bytes.take(1)) throw new Refusal('archive-trailing');
    return undefined;
  }
  if (numberAt(header, 148, 8) !== sumOf(header)) throw new Refusal('archive-malformed', 'a sum of a header is wrong');
  const name = textAt(header, 0, 100);
  const size = numberAt(header, 124, 12);
  const told = JSON.stringify(name);
  if (header.toString('latin1', 156, 157) !== flags.file) throw new Refusal('archive-entry-kind', told);
  if (!staysInside(name)) throw new Refusal('archive-path', told);
  if (size === undefined || name === '' || !headerOf({ name, size }).equals(header))
    throw new Refusal('archive-malformed', `the header of ${told}`);
  return { name, size };
}

/** The content after a header, and what fills its last block. @throws Refusal `archive-truncated`, `archive-malformed` */
export async function content(
  bytes: Bytes,
  size: number,
  sink: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  try {
    await bytes.flow(size, sink);
    await bytes.flow(padding(size).length, (piece) => {
      if (!allZero(piece)) throw new Refusal('archive-malformed', 'something stands between two files');
    });
  } catch (error) {
    cutOff(error);
  }
}
