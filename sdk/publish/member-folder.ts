/**
 * The folder in which a member keeps who they are: the private key (0600, for its owner alone), the territory's credential
 * for it, the chain of keys before it, and which catalogue they publish to.
 *
 * A new key takes the place of the old in one step, when the credential for it is there: key and chain are one file, so
 * that no cut leaves a key without the statement that leads to it.
 */
import type { KeyObject } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import type { Files } from '#common/files.js';
import { isErrno, ownDirectory } from '#common/files.js';
import { publicJwkOf, unverifiedHeader } from '#common/jws.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import type { PublicJwk } from '#contract/directory.js';
import { credentialType, MemberCredential } from '#contract/member.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const KeyFile = Type.Object(
  {
    key: Type.String({ maxLength: 2000, description: 'PKCS#8, PEM' }),
    /** Oldest first: how to come from the first key to this one. */
    rotation: Type.Array(Type.String({ maxLength: 8192 }), { maxItems: 32 }),
  },
  { additionalProperties: false },
);

/** Beside the key: what is convenient to know, and no secret. */
const Settings = Type.Object(
  {
    name: Type.Optional(Type.String()),
    /** Of the territory: `https://…`. */
    catalogue: Type.Optional(Type.String({ pattern: '^https://', maxLength: 300 })),
    /** PEM: the territory's root certificates. */
    ca: Type.Optional(Type.String({ maxLength: 100_000 })),
  },
  { $id: 'MemberSettings', additionalProperties: true },
);
export type Settings = Static<typeof Settings>;

export interface HeldKey {
  key: KeyObject;
  jwk: PublicJwk;
  rotation: readonly string[];
}

export interface MemberFolder {
  readonly directory: string;
  current(): Promise<HeldKey>;
  /** Undefined unless a rotation waits for its credential. */
  next(): Promise<HeldKey | undefined>;
  /** @throws Refusal `member-folder-taken` */
  createKey(): Promise<HeldKey>;
  /** @throws Refusal `rotation-pending` */
  createNext(statement: (jwk: PublicJwk) => Promise<string>): Promise<HeldKey>;
  /** The next key becomes the current one, and the old one is no more. */
  promote(): Promise<void>;
  /** @throws Refusal `membership-missing` */
  credential(): Promise<{ jwt: string; credential: MemberCredential }>;
  keepCredential(jwt: string): Promise<void>;
  settings(): Promise<Settings>;
  keepSettings(settings: Settings): Promise<void>;
  /** Public: a request, a rotation. Answers where it lies. */
  leave(name: string, text: string): Promise<string>;
}

/** Before anything of it is verified: for showing, and for comparing its key. @throws Refusal `credential-malformed` */
export function readCredential(jwt: string): MemberCredential {
  if (!unverifiedHeader(jwt, credentialType)) throw new Refusal('credential-malformed');
  const read = parseJson(MemberCredential, Buffer.from(jwt.split('.')[1] ?? '', 'base64url'));
  if (!read.ok) throw new Refusal('credential-malformed', describeFaults(read.faults));
  return read.value;
}

/** @throws Refusal `key-exposed` */
async function refuseExposed(file: string): Promise<boolean> {
  const stat = await lstat(file).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (!stat) return false;
  const user = process.getuid?.();
  if (!stat.isFile()) throw new Refusal('key-exposed', `${file} is no plain file`);
  if ((stat.mode & 0o077) !== 0)
    throw new Refusal('key-exposed', `${file} has mode ${(stat.mode & 0o777).toString(8)}`);
  if (user !== undefined && stat.uid !== user) throw new Refusal('key-exposed', `${file} belongs to user ${stat.uid}`);
  return true;
}

export function memberFolder({ directory, files }: { directory: string; files: Files }): MemberFolder {
  const at = (name: string): string => path.join(directory, name);
  const [keyFile, nextFile] = [at('member.key'), at('next.key')];

  async function readKey(file: string): Promise<HeldKey | undefined> {
    const bytes = (await refuseExposed(file)) ? await files.read(file) : undefined;
    if (!bytes) return undefined;
    const read = parseJson(KeyFile, bytes);
    try {
      if (!read.ok) throw new Error('it has another form');
      const key = keyFromPem(read.value.key);
      return { key, jwk: await publicJwkOf(key), rotation: read.value.rotation };
    } catch {
      throw new Refusal('file-unreadable', `${file} holds no key of a member`); // never quoting what it holds
    }
  }

  async function writeKey(file: string, key: KeyObject, rotation: readonly string[]): Promise<HeldKey> {
    await files.write(file, `${JSON.stringify({ key: keyToPem(key), rotation }, null, 2)}\n`, 0o600);
    return { key, jwk: await publicJwkOf(key), rotation };
  }

  async function current(): Promise<HeldKey> {
    const held = await readKey(keyFile);
    if (!held) throw new Refusal('member-folder-missing', directory);
    return held;
  }

  async function settings(): Promise<Settings> {
    const bytes = await files.read(at('settings.json'));
    const read = parseJson(Settings, bytes ?? '{}');
    if (!read.ok) throw new Refusal('file-unreadable', `${at('settings.json')}: ${describeFaults(read.faults)}`);
    return read.value;
  }

  return {
    directory,
    current,
    next: () => readKey(nextFile),

    async createKey() {
      await ownDirectory(directory);
      if (await readKey(keyFile)) throw new Refusal('member-folder-taken', directory);
      return writeKey(keyFile, newPrivateKey(), []);
    },

    async createNext(statement) {
      const { rotation } = await current();
      if (await readKey(nextFile)) throw new Refusal('rotation-pending', nextFile);
      const key = newPrivateKey();
      return writeKey(nextFile, key, [...rotation, await statement(await publicJwkOf(key))]);
    },

    async promote() {
      const next = await readKey(nextFile);
      if (!next) return;
      await writeKey(keyFile, next.key, next.rotation); // a cut here: the next `accept` does both again
      await files.destroy(nextFile);
    },

    async credential() {
      const bytes = await files.read(at('credential.jwt'));
      if (!bytes) throw new Refusal('membership-missing', directory);
      const jwt = bytes.toString('utf8').trim();
      return { jwt, credential: readCredential(jwt) };
    },

    keepCredential: (jwt) => files.write(at('credential.jwt'), `${jwt}\n`, 0o600),

    settings,

    async keepSettings(more) {
      await files.write(at('settings.json'), `${JSON.stringify({ ...(await settings()), ...more }, null, 2)}\n`, 0o600);
    },

    async leave(name, text) {
      await files.write(at(name), `${text}\n`, 0o644);
      return at(name);
    },
  };
}

/** The key, and the credential that is for it. @throws Refusal `membership-missing`, `credential-for-another-key` */
export async function membershipIn(folder: MemberFolder) {
  const held = await folder.current();
  const { jwt, credential } = await folder.credential();
  if (credential.cnf.jwk.kid !== held.jwk.kid)
    throw new Refusal('credential-for-another-key', `key ${held.jwk.kid}, credential for ${credential.cnf.jwk.kid}`);
  return { ...held, jwt, credential };
}
