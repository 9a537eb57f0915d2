/**
 * What a territory signs for its members with: credentials, status lists, successions and the ledger of decisions. Private
 * halves are in `members/signing.key` and, announced or about to take over, `members/next.key`; `members/keys.json` is
 * what the alliance lists.
 *
 * Which key signs is written in the store, in one commit with everything that it signs: the files only follow. So no cut
 * leaves credentials by one key and lists by another. A key that was rolled is still believed for as long as what it has
 * signed lives; one that was compromised is not believed from the moment on.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { keyFromPem, keyInFile, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import type { PublicJwk } from '#contract/directory.js';
import type { SigningRecord } from '../store/members.js';
import { lifetime } from './credentials.js';

export const memberKeysFile = (directory: string): string => path.join(directory, 'members', 'keys.json');
const keyFile = (directory: string): string => path.join(directory, 'members', 'signing.key');
const nextFile = (directory: string): string => path.join(directory, 'members', 'next.key');

/** Boxes hold so many. */
const mostKeys = 8;

export interface Held {
  key: KeyObject;
  jwk: PublicJwk;
}

/** A key that is about to take over, and what the store is to say then. */
export interface Roll extends Held {
  record: SigningRecord;
}

export interface SigningKeys {
  key(): KeyObject;
  /** Whose signatures are believed: the one that signs, the one that is announced, and those before. */
  keys(): readonly PublicJwk[];
  /** Also those that are believed no more, for what was signed in its day. */
  ever(): readonly PublicJwk[];
  /** Makes the next key, where there is none yet: listed, and signing nothing. */
  announce(): Promise<PublicJwk>;
  /** The announced key, or a new one, which whoever stole the present one has not seen. */
  prepare(wish: { compromised: boolean }): Promise<Roll>;
  /** Behind the commit that made it so. */
  adopt(roll: Roll): Promise<void>;
}

const held = async (key: KeyObject): Promise<Held> => ({ key, jwk: await publicJwkOf(key) });

/** Made where there is none. Can be repeated after a cut. */
export async function makeSigningKey(files: Files, directory: string): Promise<Held> {
  await mkdir(path.join(directory, 'members'), { recursive: true, mode: 0o700 });
  return held(await keyInFile(files, keyFile(directory)));
}

export async function openSigningKeys(wish: {
  files: Files;
  directory: string;
  clock: { now(): number };
  /** Undefined until a key was rolled. */
  record?: SigningRecord | undefined;
}): Promise<SigningKeys> {
  const { files, directory, clock } = wish;
  let record = wish.record;
  let current = await makeSigningKey(files, directory);
  const waiting = await files.read(nextFile(directory));
  let unsettled: Held | undefined;
  let next: Held | undefined = waiting && (await held(keyFromPem(waiting)));

  function keys(): readonly PublicJwk[] {
    const former = (record?.former ?? []).filter(({ until }) => until > clock.now()).map(({ jwk }) => jwk);
    return [current.jwk, ...(next ? [next.jwk] : []), ...former].slice(0, mostKeys);
  }

  async function publish(): Promise<void> {
    const text = `${JSON.stringify(keys(), null, 2)}\n`;
    const file = memberKeysFile(directory);
    if ((await files.read(file))?.toString('utf8') !== text) await files.write(file, text, 0o644);
  }

  /** The store has said so: from here on it signs, and the files follow, if need be after the next start. */
  async function promote(key: Held): Promise<void> {
    current = key;
    next = undefined;
    unsettled = key;
    await files.write(keyFile(directory), keyToPem(key.key), 0o600);
    await files.destroy(nextFile(directory));
    unsettled = undefined;
    await publish();
  }

  async function make(): Promise<Held> {
    if (unsettled) await promote(unsettled); // or the only copy of the key that signs would be overwritten
    const made = await held(newPrivateKey());
    await files.write(nextFile(directory), keyToPem(made.key), 0o600);
    next = made;
    await publish();
    return made;
  }

  if (record && record.kid !== current.jwk.kid) {
    if (next?.jwk.kid !== record.kid) throw new Error(`the key ${record.kid} is not in ${keyFile(directory)}`);
    await promote(next);
  }
  await publish();

  return {
    key: () => current.key,
    keys,
    ever: () => [
      ...new Map([...keys(), ...(record?.former ?? []).map(({ jwk }) => jwk)].map((jwk) => [jwk.kid, jwk])).values(),
    ],
    announce: async () => (next ?? (await make())).jwk,
    async prepare({ compromised }) {
      const made = next && !compromised ? next : await make();
      const at = clock.now();
      const before = record?.former ?? [];
      const former = [{ jwk: current.jwk, at, until: at + lifetime }, ...before].map((one) =>
        compromised ? { ...one, until: 0 } : one,
      );
      return { ...made, record: { kid: made.jwk.kid, former } };
    },
    async adopt(roll) {
      record = roll.record;
      await promote(roll);
    },
  };
}
