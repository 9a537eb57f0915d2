/**
 * What a territory signs for its members with: credentials, status lists and the ledger of decisions. Its private half
 * is in `members/signing.key`; `members/keys.json` is what the alliance lists.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { keyInFile } from '#common/pki/keys.js';
import type { PublicJwk } from '#contract/directory.js';

export const memberKeysFile = (directory: string): string => path.join(directory, 'members', 'keys.json');

/** Made where there is none. Can be repeated after a cut. */
export async function openSigningKey(
  files: Files,
  directory: string,
): Promise<{ key: KeyObject; keys: readonly PublicJwk[] }> {
  await mkdir(path.join(directory, 'members'), { recursive: true, mode: 0o700 });
  const key = await keyInFile(files, path.join(directory, 'members', 'signing.key'));
  const keys = [await publicJwkOf(key)];
  const text = `${JSON.stringify(keys, null, 2)}\n`;
  const file = memberKeysFile(directory);
  if ((await files.read(file))?.toString('utf8') !== text) await files.write(file, text, 0o644);
  return { key, keys };
}
