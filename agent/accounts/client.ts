/** Closed months and invoices as the provider answers them, by mutual TLS, with the box's own path validation of the server. */
import type { TSchema } from 'typebox';
import { bodyOf, cutAnswer, getChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { BoxInvoice, BoxMonths, boxAccountsPath, longestInvoice } from '#contract/months.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

/** @throws Refusal `not-a-member`, `est-unreachable`, `unavailable`, `account-invalid` */
export interface AskAccounts {
  months(after: string | undefined): Promise<BoxMonths>;
  invoice(number: string): Promise<BoxInvoice>;
}

const largestMonths = 2 * 1024 * 1024;
/** In JSON it is longer by its quotes and ends of lines. */
const largestInvoice = longestInvoice + longestInvoice / 2;
const timeoutMilliseconds = 20_000;

export function createAskAccounts(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<{ est: URL; trust: Trust; identity: ClientIdentity }>;
  moment: () => Moment;
  signal: AbortSignal;
}): AskAccounts {
  const { moment, signal } = wish;

  async function ask<T extends TSchema>(path: string, schema: T, largest: number) {
    const { est, trust, identity } = await wish.access();
    const about = { url: new URL(path, est), trust, identity, at: moment(), signal, timeoutMilliseconds };
    const answer = await getChecked(about);
    try {
      if (answer.status !== 200) throw await refusalOf(answer, path);
      const read = parseJson(schema, await bodyOf(answer.body, largest));
      if (!read.ok) throw new Refusal('account-invalid', `${path}: ${describeFaults(read.faults)}`);
      return read.value;
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  }

  return {
    months: (after) =>
      ask(after === undefined ? boxAccountsPath : `${boxAccountsPath}?after=${after}`, BoxMonths, largestMonths),
    invoice: (number) => ask(`${boxAccountsPath}/invoices/${encodeURIComponent(number)}`, BoxInvoice, largestInvoice),
  };
}
