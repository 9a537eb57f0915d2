/**
 * All that an app keeps on a box, for its owner to take away: JSON lines (`application/x-ndjson`, UTF-8, each line ends
 * with a line feed). The first says what it is, then one line a value in the order of the keys' bytes, and the last how
 * many there were: a file without it was cut off.
 */
import { type Static, Type } from 'typebox';
import { maxKeyBytes, maxValueBytes } from './api.js';
import { Time } from './health.js';
import { ReleasedAppId, Version } from './manifest.js';
import { describeFaults, parseJson } from './parse.js';

export const exportMediaType = 'application/x-ndjson';

export const ExportHead = Type.Object(
  { format: Type.Literal('webizen-app-export-1'), app: ReleasedAppId, version: Version, exportedAt: Time },
  { $id: 'ExportHead' },
);
export type ExportHead = Static<typeof ExportHead>;

export const ExportedValue = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: maxKeyBytes }),
    contentType: Type.String(),
    modifiedAt: Time,
    value: Type.String({
      maxLength: 4 * Math.ceil(maxValueBytes / 3),
      pattern: '^[A-Za-z0-9+/]*={0,2}$',
      description: 'base64',
    }),
  },
  { $id: 'ExportedValue' },
);
export const ExportEnd = Type.Object({ values: Type.Integer({ minimum: 0 }) }, { $id: 'ExportEnd' });

export interface Kept {
  key: string;
  contentType: string;
  modifiedAt: number;
  value: Uint8Array;
}

const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** One line after the other, so that no more than one value is held at a time. */
export async function* exportLines(
  head: Omit<ExportHead, 'format'>,
  kept: AsyncIterable<Kept>,
): AsyncGenerator<string> {
  yield lineOf({ format: 'webizen-app-export-1', ...head } satisfies ExportHead);
  let values = 0;
  for await (const { key, contentType, modifiedAt, value } of kept) {
    values += 1;
    yield lineOf({ key, contentType, modifiedAt, value: Buffer.from(value).toString('base64') });
  }
  yield lineOf({ values });
}

export type ReadExport = { ok: true; head: ExportHead; kept: Kept[] } | { ok: false; line: number; why: string };

/** Takes outside bytes. `line` counts from 1. */
export function readExport(bytes: Uint8Array): ReadExport {
  const lines = Buffer.from(bytes).toString().split('\n');
  const wrong = (line: number, why: string): ReadExport => ({ ok: false, line, why });
  const kept: Kept[] = [];
  const head = parseJson(ExportHead, Buffer.from(lines[0] ?? ''));
  if (!head.ok) return wrong(1, `it is no export of an app: ${describeFaults(head.faults)}`);
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue;
    const end = parseJson(ExportEnd, Buffer.from(line));
    if (end.ok) {
      if (end.value.values !== kept.length) return wrong(index + 1, 'values are missing');
      const isLast = index === lines.length - 2 && lines.at(-1) === '';
      return isLast ? { ok: true, head: head.value, kept } : wrong(index + 2, 'something follows the end');
    }
    const one = parseJson(ExportedValue, Buffer.from(line));
    if (!one.ok) return wrong(index + 1, line === '' ? 'it was cut off' : describeFaults(one.faults));
    const { value, ...rest } = one.value;
    kept.push({ ...rest, value: Buffer.from(value, 'base64') });
  }
  return wrong(lines.length, 'it was cut off');
}
