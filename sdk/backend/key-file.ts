/**
 * The keys that an app's messages are encrypted to: a file of private keys, the newest first. A release names one; boxes
 * that run an older release encrypt to an older one, so that those stay.
 */
import type { KeyObject } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import type { PublicJwk } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const KeyFile = Type.Object(
  { keys: Type.Array(Type.String({ maxLength: 2000, description: 'PKCS#8, PEM' }), { maxItems: 32 }) },
  { additionalProperties: true },
);

async function read(files: Files, file: string): Promise<Static<typeof KeyFile> | undefined> {
  const bytes = await files.read(file);
  if (!bytes) return undefined;
  const read = parseJson(KeyFile, bytes);
  if (!read.ok) throw new Refusal('file-unreadable', `${file}: ${describeFaults(read.faults)}`);
  return read.value;
}

/** By `kid`. @throws Refusal `file-unreadable` */
export async function messageKeysIn(files: Files, file: string): Promise<Map<string, KeyObject>> {
  const kept = await read(files, file);
  if (!kept) throw new Refusal('file-unreadable', `${file}: webizen app messages keygen makes it`);
  const keys = kept.keys.map(keyFromPem);
  return new Map(await Promise.all(keys.map(async (key) => [(await publicJwkOf(key)).kid, key] as const)));
}

/** One more, before those that are there. Answers its public half. */
export async function addMessageKey(files: Files, file: string): Promise<PublicJwk> {
  const { keys } = (await read(files, file)) ?? { keys: [] };
  const key = newPrivateKey();
  await files.write(file, `${JSON.stringify({ keys: [keyToPem(key), ...keys] }, null, 2)}\n`, 0o600);
  return publicJwkOf(key);
}
