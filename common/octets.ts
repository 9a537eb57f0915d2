/** The octets of an answer from an offset on, also of a server that knows no ranges (RFC 9110 section 14.2: it may ignore them). */
import type { Readable } from 'node:stream';
import { Refusal } from '#contract/problems.js';
import { type CheckedAnswer, cutAnswer } from './checked-https.js';

/** @throws Refusal `est-protocol`, `est-unreachable` */
export async function* octetsOf(
  { status, headers, body }: CheckedAnswer,
  from: number,
  who: string,
): AsyncIterable<Uint8Array> {
  let skip = status === 206 ? 0 : from;
  try {
    if (status === 206 && !headers['content-range']?.startsWith(`bytes ${from}-`))
      throw new Refusal('est-protocol', `${who} gave ${headers['content-range']} for ${from}`);
    for await (const chunk of body as Readable & AsyncIterable<Uint8Array>) {
      if (skip < chunk.length) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
    }
  } catch (error) {
    throw cutAnswer(error);
  } finally {
    body.destroy();
  }
}

export const rangeFrom = (from: number): Record<string, string> => (from > 0 ? { Range: `bytes=${from}-` } : {});
