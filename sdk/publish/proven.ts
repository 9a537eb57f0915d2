/** Calls of a territory in a member's name: each proves anew that the member holds its key (DPoP, RFC 9449). */
import { setTimeout as delay } from 'node:timers/promises';
import type { Static, TSchema } from 'typebox';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { type Call, type Https, type Reply, refuseOf } from './https.js';

export interface Proven {
  https: Https;
  /** The headers that say who calls. */
  prove(method: string, url: string): Promise<Record<string, string>>;
}

/** How often, and how long at most, a server that asks for patience gets it. */
const mostWaits = 20;
const longestWaitSeconds = 30;

/** Whatever the status. Each try with a proof of its own: one serves once. @throws Refusal `catalogue-unreachable` */
export async function callProven({ https, prove }: Proven, wish: Call): Promise<Reply> {
  for (let waits = 0; ; waits += 1) {
    const proof = await prove(wish.method, `${https.origin}${wish.path}`);
    const reply = await https.call({ ...wish, headers: { ...wish.headers, ...proof } });
    const seconds = Number(reply.headers['retry-after']);
    if (reply.status !== 429 || waits >= mostWaits || !(seconds <= longestWaitSeconds)) return reply;
    await delay(seconds * 1000);
  }
}

/** With a body of JSON. @throws Refusal as the other side said, when it is no success */
export async function sendJson(
  proven: Proven,
  { method, path, body }: Pick<Call, 'method' | 'path'> & { body?: unknown },
): Promise<Reply> {
  const json =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const reply = await callProven(proven, { method, path, ...json });
  return reply.status < 300 ? reply : refuseOf(reply);
}

/** @throws Refusal `catalogue-refused` */
export function readReply<T extends TSchema>(schema: T, reply: Reply): Static<T> {
  const parsed = parseJson(schema, reply.body);
  if (!parsed.ok) throw new Refusal('catalogue-refused', `its answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}
