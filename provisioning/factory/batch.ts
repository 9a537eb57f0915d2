/** A production line's list: a file with a JSON object a line, or a folder of requests. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Serial } from '#contract/label.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** `csr`: PEM, or DER in base64. */
const Line = Type.Object(
  { serial: Serial, csr: Type.String({ maxLength: 20_000 }), territory: Type.Optional(Type.String()) },
  { additionalProperties: false },
);
export type Line = Static<typeof Line>;

/** @throws Refusal `batch-invalid` naming the line */
export function parseBatch(text: string): Line[] {
  const seen = new Set<string>();
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const parsed = parseJson(Line, line);
    if (!parsed.ok) throw new Refusal('batch-invalid', `line ${index + 1}: ${describeFaults(parsed.faults)}`);
    const { serial } = parsed.value;
    if (seen.has(serial)) throw new Refusal('batch-invalid', `line ${index + 1}: ${serial} stands twice`);
    seen.add(serial);
    return [parsed.value];
  });
}

/** @throws Refusal `batch-invalid`, `arguments-invalid` */
export async function readBatch(place: string): Promise<Line[]> {
  const found = await stat(place).catch((error: unknown) => {
    throw new Refusal('arguments-invalid', `cannot read ${place}`, { cause: error });
  });
  if (!found.isDirectory()) return parseBatch(await readFile(place, 'utf8'));
  const names = (await readdir(place)).filter((name) => name.endsWith('.csr')).sort();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(path.join(place, name));
      const armoured = bytes.includes('-----BEGIN');
      return {
        serial: name.slice(0, -'.csr'.length),
        csr: armoured ? bytes.toString('latin1') : bytes.toString('base64'),
      };
    }),
  );
}

/** Some at once: signing is quick, hashing codes and flushing files is what takes time. The first fault ends it. */
export async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  async function worker(): Promise<void> {
    while (next < items.length && !failed) {
      const item = items[next++];
      if (item === undefined) return;
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  }
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
