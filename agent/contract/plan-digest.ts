/** What names the terms of a plan: any change of price, text, notice or audience makes another digest. */
import { createHash } from 'node:crypto';
import { canonicalJson } from './ledger-chain.js';
import { type AgreedPlan, type Plan, plansFault } from './plans.js';

export const textHash = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

export const agreedPlan = ({ text, ...plan }: Plan): AgreedPlan => ({
  ...plan,
  text: Object.fromEntries(Object.entries(text).map(([language, { sha256 }]) => [language, sha256])) as {
    en: string;
  },
});

/** SHA-256 (hex) over the canonical JSON (RFC 8785) of the agreed plan. */
export const planDigest = (plan: AgreedPlan): string => createHash('sha256').update(canonicalJson(plan)).digest('hex');

/** All that is wrong with a release's plans beyond their schema, the hashes of their texts included. */
export function planFault(plans: readonly Plan[] = []): string | undefined {
  for (const { id, text } of plans)
    for (const [language, one] of Object.entries(text))
      if (textHash(one.text) !== one.sha256)
        return `plan ${id} has a text (${language}) that is not the one of its hash`;
  return plansFault(plans);
}
