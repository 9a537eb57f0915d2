/**
 * Which boxes a maker made: one JSON object a line, appended and synced, never changed. A line that a cut left unfinished
 * is about a box whose folder nobody was told of, and is dropped.
 */
import { open, readFile, truncate } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { isErrno } from '#common/files.js';
import { Serial } from '#contract/label.js';
import { parseJson } from '#contract/parse.js';

export const Made = Type.Object(
  {
    serial: Serial,
    /** SHA-256 of the box's SubjectPublicKeyInfo, hex. */
    keyHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    /** The certificate's own serial number, hex. */
    certificate: Type.String(),
    name: Type.String(),
    /** Of the territory that a voucher was made for; null without a voucher. */
    voucher: Type.Union([Type.String(), Type.Null()]),
    at: Type.Integer(),
  },
  { additionalProperties: true },
);
export type Made = Static<typeof Made>;

export interface Register {
  find(serial: string): Made | undefined;
  list(): Made[];
  /** Durable when it resolves. Those who add at once share a flush of the disk. */
  add(made: Made): Promise<void>;
}

/** @throws Error when a whole line cannot be read: the file was altered */
export async function openRegister(file: string): Promise<Register> {
  const bytes = await readFile(file).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  });
  const whole = bytes.lastIndexOf('\n') + 1;
  if (whole < bytes.length) await truncate(file, whole);
  const made = new Map<string, Made>();
  const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1);
  lines.forEach((line, index) => {
    const parsed = parseJson(Made, line);
    if (!parsed.ok) throw new Error(`cannot read line ${index + 1} of ${file}`);
    made.set(parsed.value.serial, parsed.value);
  });
  let waiting: Made[] = [];
  let running: Promise<void> | undefined;

  async function flush(): Promise<void> {
    const these = waiting;
    waiting = [];
    running = undefined;
    const handle = await open(file, 'a', 0o600);
    try {
      await handle.writeFile(these.map((one) => `${JSON.stringify(one)}\n`).join(''));
      await handle.sync();
    } finally {
      await handle.close();
    }
    for (const one of these) made.set(one.serial, one);
  }

  let last: Promise<void> = Promise.resolve();
  return {
    find: (serial) => made.get(serial),
    list: () => [...made.values()],
    add(one) {
      waiting.push(one);
      running ??= last = last.then(flush);
      return running;
    },
  };
}
