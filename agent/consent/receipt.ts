/** The provider's receipt is kept only when the export would pass with it: a wrong one must not spoil a right one. */
import type { X509Certificate } from 'node:crypto';
import { readReceipt } from '#contract/ledger-receipt.js';
import { Refusal } from '#contract/problems.js';
import type { Ledger } from './ledger.js';

/**
 * @param roots of the territory that the box belongs to
 * @throws Refusal `receipt-invalid`
 */
export async function takeReceipt({
  receipt,
  ledger,
  roots,
}: {
  receipt: string;
  ledger: Pick<Ledger, 'entries' | 'head' | 'keepReceipt'>;
  roots: () => Promise<readonly X509Certificate[]>;
}): Promise<void> {
  const reads = (await roots()).map((root) => readReceipt(receipt, root));
  const right = reads.find((one) => one.ok);
  if (!right) throw new Refusal('receipt-invalid', reads.map((one) => (one.ok ? '' : one.why)).at(-1));
  const { ledger: id, length, hash } = right.receipt;
  const [entry] = length > 0 ? await ledger.entries({ after: length - 2, limit: 1 }) : [];
  if (entry?.ledger !== id || entry.index !== length - 1 || entry.hash !== hash)
    throw new Refusal('receipt-invalid', `it is for another ledger, or for other ${length} entries`);
  await ledger.keepReceipt(receipt);
}
