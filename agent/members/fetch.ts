/** Status lists from a territory's EST origin, by a server that leads to the territory's roots. */
import { bodyOf, getChecked } from '#common/checked-https.js';
import type { Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { StatusLists, statusPath } from '#contract/member.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** Where a territory's provider is found, and whom its server has to come from. */
export interface Reach {
  est: URL;
  trust: Trust;
}

const largest = 700_000;
const timeoutMilliseconds = 20_000;

/** @throws Refusal as `getChecked`, `est-protocol` */
export async function fetchStatus(wish: { reach: Reach; at: Moment; signal: AbortSignal }): Promise<StatusLists> {
  const { reach, at, signal } = wish;
  const url = new URL(statusPath, reach.est);
  const answer = await getChecked({ url, trust: reach.trust, at, signal, timeoutMilliseconds });
  try {
    if (answer.status !== 200) throw new Refusal('est-protocol', `${statusPath}: status ${answer.status}`);
    const read = parseJson(StatusLists, await bodyOf(answer.body, largest));
    if (!read.ok) throw new Refusal('est-protocol', `${statusPath}: ${describeFaults(read.faults)}`);
    return read.value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('est-unreachable', `${url.origin}: the answer was cut`, { cause: error });
  } finally {
    answer.body.destroy();
  }
}
