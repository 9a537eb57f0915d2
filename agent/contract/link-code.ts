/**
 * Link codes: what an owner tells a company so that it may ask to be linked. 70 random bits and a check character,
 * `XXXXX-XXXXX-XXXXX` (base32.ts). The provider is told the hash alone, and so can neither show the code to anybody nor ask
 * in a company's name: who asks proves by a second hash that they were told the code itself.
 */
import { createHash } from 'node:crypto';
import { newCode, parseCode } from './base32.js';

const length = 15;

export const newLinkCode = (): string => newCode(length);

/** The 15 characters without separators, or undefined. Takes outside bytes. */
export const parseLinkCode = (text: string): string | undefined => parseCode(text, length);

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What a provider finds the box by. 70 random bits need no salt and no slow hash. */
export const linkCodeHash = (parsed: string): string => sha256(`webizen link ${parsed}`);

/** That this member was told the code: good for it alone. */
export const linkProof = (parsed: string, { territory, member }: { territory: string; member: string }): string =>
  sha256(`webizen link proof ${parsed} ${territory} ${member}`);
