/** What the box says of its links to its provider, by mutual TLS, with its own path validation of the server. */
import { bodyOf, cutAnswer, postChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { LinksAnswer, type LinksStatement, linksPath } from '#contract/links.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** @throws Refusal `not-a-member`, `est-unreachable`, `est-protocol`, `unavailable`, and what the provider refuses */
export type Say = (statement: LinksStatement) => Promise<LinksAnswer>;

const largestBody = 512 * 1024;
const timeoutMilliseconds = 20_000;

export function createSay(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<{ est: URL; trust: Trust; identity: ClientIdentity }>;
  moment: () => Moment;
  signal: AbortSignal;
}): Say {
  return async (statement) => {
    const { est, trust, identity } = await wish.access();
    const url = new URL(`${linksPath}/box`, est);
    const { moment, signal } = wish;
    const about = { url, trust, identity, at: moment(), signal, timeoutMilliseconds };
    const answer = await postChecked({ ...about, json: statement });
    try {
      if (answer.status !== 200) throw await refusalOf(answer, linksPath);
      const read = parseJson(LinksAnswer, await bodyOf(answer.body, largestBody));
      if (!read.ok) throw new Refusal('est-protocol', `${linksPath}: ${describeFaults(read.faults)}`);
      return read.value;
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  };
}
