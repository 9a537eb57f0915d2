/**
 * A bank's statement as rows, by what is said of how it is written. All of it can be read, or nothing is taken: a line that
 * was skipped would be a payment that is lost.
 */
import { createHash } from 'node:crypto';
import { constants, open } from 'node:fs/promises';
import { CsvError, parse } from 'csv-parse';
import { Currency } from '#contract/money.js';
import { check } from '#contract/parse.js';
import { type BankFormat, longestRemittance, OutsideId } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import { type Cells, checkFormat, type Places, placesOf, unreadable } from './bank-format.js';
import { withoutCardNumbers } from './card-numbers.js';
import { readAmount, readDay } from './dialect.js';
import type { Incoming } from './take.js';

export const mostFileBytes = 16 * 1024 * 1024;
export const mostRows = 100_000;
const mostRecordBytes = 64 * 1024;

/** @throws Refusal `arguments-invalid`, `bank-file-too-large` */
export async function readBytes(file: string): Promise<Buffer> {
  // A pipe that nobody writes to would be waited for.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
  });
  try {
    const about = await handle.stat();
    if (!about.isFile()) throw new Refusal('arguments-invalid', `${file} is no file`);
    if (about.size > mostFileBytes) throw new Refusal('bank-file-too-large');
    const bytes = Buffer.alloc(about.size);
    const { bytesRead } = await handle.read(bytes, 0, about.size, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** A mark of its order at the beginning belongs to the encoding, and to no cell. */
function decoded(bytes: Buffer, encoding: BankFormat['encoding']): string {
  if (encoding === 'latin-1' && bytes.subarray(0, 3).toString('hex') === 'efbbbf')
    throw unreadable('it says by its first bytes that it is UTF-8');
  try {
    const text = new TextDecoder(encoding === 'latin-1' ? 'windows-1252' : encoding, { fatal: true }).decode(bytes);
    if (text.includes('\0')) throw new TypeError('there are zeros in it');
    return text;
  } catch (error) {
    throw unreadable(`it is not ${encoding}`, error);
  }
}

type Row = Omit<Incoming, 'mark'> & { sha256: string };

function rowOf(cells: Cells, line: number, places: Places, format: BankFormat): Row {
  const fault = (what: string, said: string) =>
    unreadable(`line ${line}: "${withoutCardNumbers(said).slice(0, 60)}" is ${what}`);
  const cell = (place: number): string => cells[place] ?? '';
  const currency = places.currency === undefined ? (format.currency ?? '') : cell(places.currency).trim();
  if (!check(Currency, currency).ok) throw fault('no currency', currency);
  const amount = readAmount(cell(places.amount), currency, format);
  if (amount === undefined) throw fault(`no amount in ${currency}`, cell(places.amount));
  const day = readDay(cell(places.date), format.dateOrder);
  if (day === undefined) throw fault(`no day (${format.dateOrder})`, cell(places.date));
  const said = places.text
    .map((place) =>
      cell(place)
        .replace(/[\s\p{Cc}]+/gu, ' ')
        .trim(),
    )
    .filter((part) => part !== '')
    .join(' ');
  const text = withoutCardNumbers(said);
  if (text.length > longestRemittance) throw fault('too long', text);
  const outsideId = places.id === undefined ? null : cell(places.id).trim();
  if (outsideId !== null && !check(OutsideId, outsideId).ok) throw fault('no id', outsideId);
  let minor = amount;
  if (places.direction !== undefined) {
    const way = cell(places.direction).trim();
    const { in: inwards, out } = format.directions ?? { in: '', out: '' };
    if (amount < 0n || (way !== inwards && way !== out)) throw fault('no direction of an amount without a sign', way);
    minor = way === out ? -amount : amount;
  }
  const sha256 = createHash('sha256').update(JSON.stringify(cells)).digest('hex');
  return { line, source: format.account, day, minor, currency, text, outsideId, sha256 };
}

/**
 * By what the row is known when it comes again: the bank's id, or the SHA-256 over all of its cells (a JSON list of strings in
 * UTF-8) and how manieth of its like it is in the file. So it does not matter which columns are named.
 */
function marked(rows: readonly Row[]): Incoming[] {
  const counts = new Map<string, number>();
  const lines = new Map<string, number>();
  return rows.map(({ sha256, ...row }) => {
    const { outsideId, line } = row;
    if (outsideId !== null) {
      const first = lines.get(outsideId);
      if (first !== undefined) throw unreadable(`lines ${first} and ${line} have the same id, so it is none`);
      lines.set(outsideId, line);
      return { ...row, mark: `id!${outsideId}` };
    }
    const count = (counts.get(sha256) ?? 0) + 1;
    counts.set(sha256, count);
    return { ...row, mark: `row!${sha256}!${count}` };
  });
}

/** @throws Refusal `bank-format-invalid`, `bank-file-unreadable`, `bank-file-too-large` */
export async function readBankFile(bytes: Buffer, format: BankFormat): Promise<Incoming[]> {
  checkFormat(format);
  const { separator, quote, skipLines, hasHeadings, columns } = format;
  const parser = parse({
    ...{ delimiter: separator, quote, escape: quote, columns: false, skip_empty_lines: true, info: true },
    ...{ max_record_size: mostRecordBytes, record_delimiter: ['\r\n', '\n', '\r'], from_line: skipLines + 1 },
  });
  parser.end(decoded(bytes, format.encoding));
  let places: Places | undefined;
  const rows: Row[] = [];
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Cells; info: { lines: number } }>) {
      const isFirst = places === undefined;
      places ??= placesOf(columns, hasHeadings ? record : undefined, record.length);
      if (isFirst && hasHeadings) continue;
      if (rows.length === mostRows) throw new Refusal('bank-file-too-large', `more than ${mostRows} lines`);
      rows.push(rowOf(record, info.lines, places, format));
    }
  } catch (error) {
    throw error instanceof CsvError ? unreadable(error.message, error) : error;
  }
  if (hasHeadings && places === undefined) throw unreadable('there are no headings');
  return marked(rows);
}
