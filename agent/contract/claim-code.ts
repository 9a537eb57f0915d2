/** Claim codes: 95 random bits and a check character, `XXXXX-XXXXX-XXXXX-XXXXX` (base32.ts). */
import { createHash } from 'node:crypto';
import { newCode, parseCode } from './base32.js';

const length = 20;

export const newClaimCode = (): string => newCode(length);

/** The 20 characters without separators, or undefined. Takes outside bytes. */
export const parseClaimCode = (text: string): string | undefined => parseCode(text, length);

/** What is stored of a code. 95 random bits need no salt and no slow hash. */
export function claimCodeHash(parsed: string): string {
  return createHash('sha256').update(`webizen claim ${parsed}`).digest('hex');
}
