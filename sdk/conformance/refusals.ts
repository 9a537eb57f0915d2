/** Answers that have to be refusals, however they came. */
import type { Answer } from './http.js';
import { Mismatch, same } from './outcome.js';
import { problemOf, type Specification } from './specification.js';

/** @throws Mismatch unless it is this refusal */
export function refusal(specification: Specification, answer: Answer, status: number, code: string): void {
  same('status', answer.status, status);
  same('code', problemOf(specification, answer), code);
}

/** What came over a bare connection, as an answer. */
export function parsed(raw: string): Answer {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(first)?.[1]);
  if (!status) throw new Mismatch('an answer in HTTP/1.1', raw.slice(0, 200));
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()]),
  );
  const text = rest.join('\r\n\r\n');
  return { status, headers, text, bytes: Buffer.from(text) };
}
