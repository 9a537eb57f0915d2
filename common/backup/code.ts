/**
 * The owner's backup code: 120 random bits and a check character, and the two keys that are made of it. The box keeps the
 * recipient and the MAC's key, and never the code: it writes backups that it cannot read.
 */
import { hkdfSync } from 'node:crypto';
import { bech32 } from '@scure/base';
import { newCode, parseCode } from '#contract/base32.js';
import { Refusal } from '#contract/problems.js';

const length = 25;

/** Five groups of five characters. */
export const newBackupCode = (): string => newCode(length);

export interface BackupKeys {
  /** As the `age` tool takes it: `AGE-SECRET-KEY-1…`. */
  identity: string;
  /** 32 bytes, hex. */
  macKey: string;
}

/** There is nothing to stretch: the code is as good as a key. RFC 5869. */
const derive = (code: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', code, '', `webizen backup 1 ${purpose}`, 32));

/** @param text as a person types it @throws Refusal `backup-code-invalid` */
export function keysOf(text: string): BackupKeys {
  const code = parseCode(text, length);
  if (code === undefined) throw new Refusal('backup-code-invalid');
  const words = bech32.toWords(derive(code, 'identity'));
  return {
    identity: bech32.encode('age-secret-key-', words, false).toUpperCase(),
    macKey: derive(code, 'mac').toString('hex'),
  };
}

/** `age1…`, of an identity. */
export async function recipientOf(identity: string): Promise<string> {
  const { identityToRecipient } = await import('age-encryption');
  return identityToRecipient(identity);
}
