/** What `webizen ledger` says of an export, and of a consent receipt. */
import type { X509Certificate } from 'node:crypto';
import { type ReceiptVerdict, verifyConsentReceipt } from '#contract/consent-receipt.js';
import { LedgerExport } from '#contract/ledger.js';
import { type Verdict, verifyLedger } from '#contract/ledger-chain.js';
import { describeFaults, parseJson } from '#contract/parse.js';

const receipts = {
  none: 'the provider has given no receipt',
  'not-checked': "the provider's receipt was not checked: give the territory's root certificate with --root",
  right: "the provider's receipt is right",
} as const;

export function verifyExport(bytes: Uint8Array, root?: X509Certificate): { result: Verdict; text: string } {
  const read = parseJson(LedgerExport, bytes);
  if (!read.ok) {
    const result: Verdict = { ok: false, index: null, why: `it is no ledger: ${describeFaults(read.faults)}` };
    return { result, text: `broken: ${result.why}` };
  }
  const result = verifyLedger(read.value, root);
  if (!result.ok) {
    const where = result.index === null ? 'broken' : `broken at entry ${result.index}`;
    return { result, text: `${where}: ${result.why}` };
  }
  const { head, signed, receipt } = result;
  if (!head) return { result, text: 'OK: the ledger is empty' };
  const text = `OK: ${head.length} entries, ${signed} signed by the owner, head ${head.hash}\n${receipts[receipt]}`;
  return { result, text };
}

/** @param whole the exported ledger that it is held against */
export function verifyReceipt(bytes: Uint8Array, whole?: Uint8Array): { result: ReceiptVerdict; text: string } {
  const broken = (why: string): { result: ReceiptVerdict; text: string } => ({
    result: { ok: false, why },
    text: `broken: ${why}`,
  });
  const ledger = whole && verifyExport(whole);
  if (ledger && !ledger.result.ok) return broken(`the ledger: ${ledger.text}`);
  const read = whole && parseJson(LedgerExport, whole);
  const result = verifyConsentReceipt(bytes, read?.ok ? read.value : undefined);
  if (!result.ok) return broken(result.why);
  const against = whole ? 'and stand in that ledger' : 'not held against a ledger: give the export with --ledger';
  return { result, text: `OK: ${result.signed} entries signed by the owner, ${against}` };
}
