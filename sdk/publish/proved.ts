/** Calls in a member's name: each try proves anew that the member holds the key of their credential (DPoP, RFC 9449). */
import type { KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Static, TSchema } from 'typebox';
import { signDpop } from '#common/members/dpop.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Call, Https, Reply } from './https.js';

/** The headers that say who calls. */
export type Prove = (method: string, url: string) => Promise<Record<string, string>>;

export const proverOf =
  ({ key, jwt }: { key: KeyObject; jwt: string }): Prove =>
  async (method, url) => ({
    authorization: `DPoP ${jwt}`,
    dpop: await signDpop({ key, credential: jwt, method, url, at: Date.now() }),
  });

/** How often, and how long at most, a territory that asks for patience gets it. */
const mostWaits = 20;
const longestWaitSeconds = 30;

/** With a proof of its own for each try: one serves once. @throws Refusal `catalogue-unreachable` */
export async function provedCall({ https, prove }: { https: Https; prove: Prove }, wish: Call): Promise<Reply> {
  for (let waits = 0; ; waits += 1) {
    const proof = await prove(wish.method, `${https.origin}${wish.path}`);
    const reply = await https.call({ ...wish, headers: { ...wish.headers, ...proof } });
    const seconds = Number(reply.headers['retry-after']);
    if (reply.status !== 429 || waits >= mostWaits || !(seconds <= longestWaitSeconds)) return reply;
    await delay(seconds * 1000);
  }
}

/** @throws Refusal `catalogue-refused` when the answer has another form */
export function readReply<T extends TSchema>(schema: T, reply: Reply): Static<T> {
  const parsed = parseJson(schema, reply.body);
  if (!parsed.ok) throw new Refusal('catalogue-refused', `its answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}
