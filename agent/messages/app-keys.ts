/**
 * What each app's messages are read with: a key pair to which its maker encrypts, and a secret under which bodies lie in
 * the store. One file an app, 0600, made when it is first needed and destroyed with the app: what is left of its messages
 * anywhere is then readable to nobody.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import path from 'node:path';
import { Type } from 'typebox';
import { type Files, ownDirectory } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import type { PublicJwk } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';

export interface AppKey {
  key: KeyObject;
  jwk: PublicJwk;
  /** @param about what the bytes are of: they are read back as that alone */
  lock(bytes: Uint8Array, about: string): Buffer;
  /** Undefined when they were altered, or locked with another key. */
  unlock(locked: Uint8Array, about: string): Buffer | undefined;
}

export interface AppKeys {
  of(app: string): Promise<AppKey>;
  /** Undefined where none was ever needed. */
  find(app: string): Promise<AppKey | undefined>;
  destroy(app: string): Promise<void>;
}

const Kept = Type.Object({ key: Type.String(), secret: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }) });
const cipher = 'aes-256-gcm';
const [nonceBytes, tagBytes] = [12, 16];

async function open(key: KeyObject, secret: Buffer): Promise<AppKey> {
  return {
    key,
    jwk: await publicJwkOf(key),
    lock(bytes, about) {
      const nonce = randomBytes(nonceBytes);
      const lock = createCipheriv(cipher, secret, nonce).setAAD(Buffer.from(about));
      return Buffer.concat([nonce, lock.update(bytes), lock.final(), lock.getAuthTag()]);
    },
    unlock(locked, about) {
      const bytes = Buffer.from(locked);
      try {
        const unlock = createDecipheriv(cipher, secret, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
        unlock.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(-tagBytes));
        return Buffer.concat([unlock.update(bytes.subarray(nonceBytes, -tagBytes)), unlock.final()]);
      } catch {
        return undefined;
      }
    },
  };
}

export async function createAppKeys({ directory, files }: { directory: string; files: Files }): Promise<AppKeys> {
  await ownDirectory(directory);
  const held = new Map<string, Promise<AppKey | undefined>>();
  const fileOf = (app: string): string => path.join(directory, `${app}.json`);

  async function read(app: string): Promise<AppKey | undefined> {
    const bytes = await files.read(fileOf(app));
    if (!bytes) return undefined;
    const kept = parseJson(Kept, bytes);
    if (!kept.ok) throw new Error(`cannot read the message key of ${app}: ${describeFaults(kept.faults)}`);
    return open(keyFromPem(kept.value.key), Buffer.from(kept.value.secret, 'base64url'));
  }

  async function make(app: string): Promise<AppKey> {
    const [key, secret] = [newPrivateKey(), randomBytes(32)];
    const text = JSON.stringify({ key: keyToPem(key), secret: secret.toString('base64url') });
    await files.write(fileOf(app), text, 0o600);
    return open(key, secret);
  }

  /** One after the other for each app; a failure is not remembered. */
  function next(app: string, work: (before: AppKey | undefined) => Promise<AppKey | undefined>) {
    const before = held.get(app) ?? read(app);
    const mine = before.then(work);
    held.set(app, mine);
    mine.catch(() => {
      if (held.get(app) === mine) held.delete(app);
    });
    return mine;
  }

  return {
    async of(app) {
      const key = await next(app, async (before) => before ?? make(app));
      if (!key) throw new Error('no key was made');
      return key;
    },
    find: (app) => next(app, async (before) => before),
    async destroy(app) {
      await held.get(app)?.catch(() => {}); // a damaged one is destroyed too
      held.set(app, Promise.resolve(undefined));
      await files.destroy(fileOf(app));
      held.delete(app);
    },
  };
}
