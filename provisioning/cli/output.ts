/** How an answer is told: to people in columns or a sentence, to programs as JSON or CSV. */
import { table } from '#common/columns.js';
import { csvLine } from '#common/csv.js';
import { describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag } from './arguments.js';

export const outputs = { json: flag, csv: flag } as const;

export interface Output {
  json?: boolean | undefined;
  csv?: boolean | undefined;
}

/** Of the same release, so it can be read, or something is broken. */
export function answered<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
}

/** @throws Refusal `arguments-invalid` */
export function oneOutput({ json, csv }: Output): void {
  if (json && csv) throw new Refusal('arguments-invalid', 'it is --json or --csv');
}

/** @param rows the first of them are the headings */
export function tellRows(out: (line: string) => void, wish: Output, answer: unknown, rows: string[][]): void {
  oneOutput(wish);
  const lines = wish.json ? [JSON.stringify(answer)] : wish.csv ? rows.map(csvLine) : table(rows);
  for (const line of lines) out(line);
}

/** What was done, in a sentence; as JSON, what it was done to. */
export function tellDone(out: (line: string) => void, wish: Output, done: object, sentence: string): void {
  out(wish.json ? JSON.stringify(done) : sentence);
}
