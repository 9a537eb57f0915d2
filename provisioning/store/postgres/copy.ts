/** Rows by COPY in its binary form: bytes go as they are, where its text would double them. */
import { once } from 'node:events';
import { from as copyFrom } from 'pg-copy-streams';
import type { Carried, NewSample } from '../fleet.js';
import { packsOf } from '../pack.js';
import type { Session } from './sessions.js';

// Its signature, no flags, no extension of the header; and what stands where a row would begin when there is none.
const head = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const end = Buffer.from([0xff, 0xff]);

/** Five fields: bigint, integer, smallint, text, bytea; each after its length. */
const fixedBytes = 2 + (4 + 8) + (4 + 4) + (4 + 2);

export async function copySamples(
  session: Session,
  samples: readonly NewSample[],
  carried?: readonly Carried[],
): Promise<void> {
  if (samples.length === 0) return;
  const parts: Buffer[] = [head];
  for (const { at, until, count, box, bytes } of packsOf(samples, carried)) {
    const name = Buffer.byteLength(box);
    const row = Buffer.allocUnsafe(fixedBytes + 4 + name + 4);
    let place = row.writeInt16BE(5);
    place = row.writeBigInt64BE(BigInt(at), row.writeInt32BE(8, place));
    place = row.writeInt32BE(until - at, row.writeInt32BE(4, place));
    place = row.writeInt16BE(count, row.writeInt32BE(2, place));
    place = row.writeInt32BE(name, place);
    place += row.write(box, place);
    row.writeInt32BE(bytes.length, place);
    parts.push(row, bytes);
  }
  parts.push(end);
  const stream = session.query(copyFrom('COPY sample_packs (at, span, count, box, pack) FROM STDIN (FORMAT binary)'));
  stream.on('error', () => {}); // once more when the connection closes
  const done = once(stream, 'finish');
  stream.end(Buffer.concat(parts));
  await done;
}
