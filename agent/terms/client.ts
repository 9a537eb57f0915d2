/** What the box tells its provider of agreements, by mutual TLS, with its own path validation of the server. */
import { bodyOf, cutAnswer, postChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { AgreementsTaken, type AgreementsTold, agreementsPath } from '#contract/agreements.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** @throws Refusal `not-a-member`, `est-unreachable`, `est-protocol`, `unavailable`, and what the provider refuses */
export type Tell = (told: AgreementsTold) => Promise<AgreementsTaken>;

const largestBody = 64 * 1024;
const timeoutMilliseconds = 20_000;

export function createTell(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<{ est: URL; trust: Trust; identity: ClientIdentity }>;
  moment: () => Moment;
  signal: AbortSignal;
}): Tell {
  return async (told) => {
    const { est, trust, identity } = await wish.access();
    const path = `${agreementsPath}/box`;
    const { moment, signal } = wish;
    const about = { url: new URL(path, est), trust, identity, at: moment(), signal, timeoutMilliseconds };
    const answer = await postChecked({ ...about, json: told });
    try {
      if (answer.status !== 200) throw await refusalOf(answer, path);
      const read = parseJson(AgreementsTaken, await bodyOf(answer.body, largestBody));
      if (!read.ok || read.value.taken.length !== told.agreements.length)
        throw new Refusal(
          'est-protocol',
          `${path}: ${read.ok ? 'it answers something else' : describeFaults(read.faults)}`,
        );
      return read.value;
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  };
}
