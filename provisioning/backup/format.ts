/**
 * A backup is one gzip file of JSON lines: what it is, each file, each entry of the store, and a last line that counts
 * and hashes the lines before it. Whoever holds it can be the territory: it has the CA's keys in it.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Time } from '#contract/health.js';
import { Refusal } from '#contract/problems.js';

export const format = 'webizen-backup-1';
/** The same without the store: what a machine that stands by must have. */
export const standbyFormat = 'webizen-standby-1';

export const Line = Type.Union([
  Type.Object({
    format: Type.Union([Type.Literal(format), Type.Literal(standbyFormat)]),
    territory: Type.String(),
    at: Time,
  }),
  Type.Object({
    file: Type.String({ pattern: '^(?!.*\\.\\.)[\\w][\\w./-]*$', maxLength: 400 }),
    mode: Type.Integer({ minimum: 0, maximum: 0o777 }),
    data: Type.String(),
  }),
  Type.Object({ key: Type.String(), value: Type.String() }),
  // A value that is no text.
  Type.Object({ key: Type.String(), base64: Type.String() }),
  Type.Object({ lines: Type.Integer({ minimum: 1 }), sha256: Type.String() }),
]);

const compiled = Compile(Line);

export type Content =
  | { format: typeof format | typeof standbyFormat; territory: string; at: number }
  | { file: string; mode: number; data: string }
  | { key: string; value: string }
  | { key: string; base64: string };

/** @throws Error what reading or unpacking finds */
async function* linesOf(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  const unpacked = source.pipe(createGunzip());
  source.on('error', (error) => unpacked.destroy(error));
  unpacked.setEncoding('utf8');
  let rest = '';
  for await (const chunk of unpacked) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') throw new Error('it ends within a line');
}

/** @throws Refusal `backup-damaged` as soon as it is seen; at the latest after the last line */
export async function* readBackup(file: string): AsyncGenerator<Content> {
  const damaged = (detail: string, cause?: unknown) => new Refusal('backup-damaged', `${file}: ${detail}`, { cause });
  const hash = createHash('sha256');
  let lines = 0;
  let ended = false;
  try {
    for await (const text of linesOf(file)) {
      if (ended) throw damaged('there is more after its end');
      const line: unknown = JSON.parse(text);
      if (!compiled.Check(line)) throw damaged(`line ${lines + 1} is not what a backup holds`);
      if ('sha256' in line) {
        if (line.lines !== lines || line.sha256 !== hash.digest('hex')) throw damaged('it was changed or is not whole');
        ended = true;
        continue;
      }
      if ((lines === 0) !== 'format' in line) throw damaged('it does not begin as one');
      hash.update(`${text}\n`);
      lines += 1;
      yield line;
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw damaged(error instanceof Error ? error.message : 'it cannot be read', error);
  }
  if (!ended) throw damaged('it ends early');
}
