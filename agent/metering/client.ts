/** The month's statements, told to the provider by mutual TLS, with the box's own path validation of the server. */
import { bodyOf, cutAnswer, postChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { StatementsTaken, type StatementsTold, usagePath } from '#contract/metering.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const largestBody = 64 * 1024;
const timeoutMilliseconds = 20_000;

export function createTellUsage(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<{ est: URL; trust: Trust; identity: ClientIdentity }>;
  moment: () => Moment;
  signal: AbortSignal;
}): (told: StatementsTold) => Promise<StatementsTaken> {
  return async (told) => {
    const { est, trust, identity } = await wish.access();
    const { moment, signal } = wish;
    const about = { url: new URL(usagePath, est), trust, identity, at: moment(), signal, timeoutMilliseconds };
    const answer = await postChecked({ ...about, json: told });
    try {
      if (answer.status !== 200) throw await refusalOf(answer, usagePath);
      const read = parseJson(StatementsTaken, await bodyOf(answer.body, largestBody));
      if (!read.ok) throw new Refusal('est-protocol', `${usagePath}: ${describeFaults(read.faults)}`);
      if (read.value.taken.length !== told.statements.length)
        throw new Refusal('est-protocol', `${usagePath}: it answers something else`);
      return read.value;
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  };
}
