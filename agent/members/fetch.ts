/** What a territory says of its members at its EST origin, by a server that leads to the territory's roots. */
import type { Static, TSchema } from 'typebox';
import { bodyOf, getChecked } from '#common/checked-https.js';
import type { Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { StatusLists, statusPath } from '#contract/member.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { RegisterProof, registerConsistencyPath } from '#contract/register.js';
import { AppSuccessions, successionPath } from '#contract/succession.js';

/** Where a territory's provider is found, and whom its server has to come from. */
export interface Reach {
  est: URL;
  trust: Trust;
}

interface Asking {
  reach: Reach;
  at: Moment;
  signal: AbortSignal;
}

const largest = 700_000;
const timeoutMilliseconds = 20_000;

/** Undefined for what there is not. @throws Refusal as `getChecked`, `est-protocol` */
async function fetchJson<T extends TSchema>(
  schema: T,
  path: string,
  { reach, at, signal }: Asking,
  none = 404,
): Promise<Static<T> | undefined> {
  const url = new URL(path, reach.est);
  const answer = await getChecked({ url, trust: reach.trust, at, signal, timeoutMilliseconds });
  try {
    if (answer.status === none) return undefined;
    if (answer.status !== 200) throw new Refusal('est-protocol', `${path}: status ${answer.status}`);
    const read = parseJson(schema, await bodyOf(answer.body, largest));
    if (!read.ok) throw new Refusal('est-protocol', `${path}: ${describeFaults(read.faults)}`);
    return read.value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('est-unreachable', `${url.origin}: the answer was cut`, { cause: error });
  } finally {
    answer.body.destroy();
  }
}

/** @throws Refusal as `getChecked`, `est-protocol` */
export async function fetchStatus(wish: Asking): Promise<StatusLists> {
  const lists = await fetchJson(StatusLists, statusPath, wish);
  if (!lists) throw new Refusal('est-protocol', `${statusPath}: status 404`);
  return lists;
}

/** Undefined where the app never passed to another. @throws Refusal as `getChecked`, `est-protocol` */
export const fetchSuccessions = ({ app, ...wish }: Asking & { app: string }): Promise<AppSuccessions | undefined> =>
  fetchJson(AppSuccessions, successionPath(encodeURIComponent(app)), wish);

/** Null where the register does not hold so much. @throws Refusal as `getChecked`, `est-protocol` */
export async function fetchConsistency({
  from,
  to,
  ...wish
}: Asking & { from: number; to: number }): Promise<readonly string[] | null> {
  const read = await fetchJson(RegisterProof, `${registerConsistencyPath}?from=${from}&to=${to}`, wish, 416);
  return read ? read.proof : null;
}
