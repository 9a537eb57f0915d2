/**
 * Whose box it is: a passphrase, a recovery code, and the owner's key that both of them unwrap.
 *
 * The key is made on the box and stands in one file, encrypted under what scrypt makes of the passphrase and, apart,
 * of the recovery code; neither is stored. It is readable only in a signed-in session, and signs what the owner decides.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomInt,
  scrypt,
  sign,
} from 'node:crypto';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { PublicJwk } from '#contract/directory.js';
import { Time } from '#contract/health.js';
import { thumbprint } from '#contract/ledger-chain.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Ledger, OwnerSigner } from './ledger.js';

export interface Owner {
  isSet(): boolean;
  /** The owner's public key. */
  key(): PublicJwk | undefined;
  /** @throws Refusal `owner-set`, `passphrase-weak` */
  set(wish: { passphrase: string }): Promise<{ recoveryCode: string; signer: OwnerSigner }>;
  /** @throws Refusal `owner-unset`, `passphrase-wrong` */
  unlock(passphrase: string): Promise<OwnerSigner>;
  /** A new passphrase and a new recovery code for the same key. @throws Refusal `owner-unset`, `recovery-wrong`, `passphrase-weak` */
  recover(recoveryCode: string, passphrase: string): Promise<{ recoveryCode: string; signer: OwnerSigner }>;
  /**
   * For who has neither: a new key, everything else stays. The caller has seen the label's code and the file on the
   * boot partition. @throws Refusal `owner-unset`, `replace-forbidden`, `passphrase-weak`
   */
  replace(passphrase: string): Promise<{ recoveryCode: string; signer: OwnerSigner }>;
  /** @throws Refusal `owner-unset`, `passphrase-wrong`, `passphrase-weak` */
  changePassphrase(wish: { old: string; passphrase: string }): Promise<OwnerSigner>;
  /** @throws Refusal `owner-unset`, `passphrase-wrong` */
  newRecoveryCode(passphrase: string): Promise<{ recoveryCode: string }>;
  mayReplace(): boolean;
  /** The owner's word on whether `replace` may be used. */
  allowReplace(allowed: boolean, signer: OwnerSigner): Promise<void>;
}

const Wrapped = Type.Object({
  n: Type.Integer({ minimum: 2 ** 14, maximum: 2 ** 20 }),
  r: Type.Integer({ minimum: 1, maximum: 32 }),
  p: Type.Integer({ minimum: 1, maximum: 16 }),
  salt: Type.String(),
  iv: Type.String(),
  /** The key as PKCS#8 under AES-256-GCM, and its tag. */
  key: Type.String(),
  tag: Type.String(),
});
type Wrapped = Static<typeof Wrapped>;

const OwnerFile = Type.Object({
  version: Type.Literal(1),
  at: Time,
  publicKey: PublicJwk,
  byPassphrase: Wrapped,
  byRecovery: Wrapped,
  mayReplace: Type.Boolean(),
});
type OwnerFile = Static<typeof OwnerFile>;

const leastPassphrase = 10;
/** 32 MB and about a tenth of a second on a small board: N of 2^15, as RFC 7914 scales it. */
const cost = { n: 2 ** 15, r: 8, p: 1 };
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const recoveryLength = 24;

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const decode = (text: string): Buffer => Buffer.from(text, 'base64');

function stretch(secret: string, { n, r, p, salt }: Pick<Wrapped, 'n' | 'r' | 'p' | 'salt'>): Promise<Buffer> {
  const options = { N: n, r, p, maxmem: 256 * n * r };
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize('NFKC'), decode(salt), 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

async function wrap(secret: string, key: KeyObject): Promise<Wrapped> {
  const salt = encode(randomBytes(16));
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', await stretch(secret, { ...cost, salt }), iv);
  const sealed = Buffer.concat([cipher.update(key.export({ format: 'der', type: 'pkcs8' })), cipher.final()]);
  return { ...cost, salt, iv: encode(iv), key: encode(sealed), tag: encode(cipher.getAuthTag()) };
}

async function unwrap(secret: string, wrapped: Wrapped): Promise<KeyObject | undefined> {
  const decipher = createDecipheriv('aes-256-gcm', await stretch(secret, wrapped), decode(wrapped.iv), {
    authTagLength: 16,
  });
  decipher.setAuthTag(decode(wrapped.tag));
  try {
    const key = Buffer.concat([decipher.update(decode(wrapped.key)), decipher.final()]);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}

/** 120 bits, in groups of four. */
const newRecoveryCode = (): string =>
  Array.from({ length: recoveryLength }, () => alphabet[randomInt(32)])
    .join('')
    .replace(/(.{4})(?=.)/g, '$1-');

/** As people type: case, blanks and dashes do not count, nor O for 0 and I or L for 1. */
const plainRecovery = (code: string): string =>
  code.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');

function publicOf(key: KeyObject): PublicJwk {
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' });
  return { kty: 'EC', crv: 'P-256', x, y, kid: thumbprint({ x, y }) };
}

const signerOf = (key: KeyObject): OwnerSigner => ({
  kid: publicOf(key).kid,
  sign: async (data) => sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' }),
});

export async function createOwner(wish: {
  dataDir: string;
  files: Files;
  clock: Clock;
  ledger: Ledger;
}): Promise<Owner> {
  const { files, clock, ledger } = wish;
  const file = path.join(wish.dataDir, 'owner.json');
  let held = await load();

  async function load(): Promise<OwnerFile | undefined> {
    const bytes = await files.read(file);
    if (!bytes) return undefined;
    const read = parseJson(OwnerFile, bytes);
    if (!read.ok) throw new Error(`cannot use ${file}: ${describeFaults(read.faults)}`);
    return read.value;
  }

  async function save(next: OwnerFile): Promise<void> {
    await files.write(file, JSON.stringify(next), 0o600);
    held = next;
  }

  function known(): OwnerFile {
    if (!held) throw new Refusal('owner-unset');
    return held;
  }

  function strong(passphrase: string): string {
    if ([...passphrase].length < leastPassphrase) throw new Refusal('passphrase-weak');
    return passphrase;
  }

  async function opened(passphrase: string): Promise<KeyObject> {
    const key = await unwrap(passphrase, known().byPassphrase);
    if (!key) throw new Refusal('passphrase-wrong');
    return key;
  }

  /** The file first: a key that the ledger names but nobody holds would be the worse half. */
  async function take(
    passphrase: string,
    type: 'owner.set' | 'owner.key',
  ): Promise<{ recoveryCode: string; signer: OwnerSigner }> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const recoveryCode = newRecoveryCode();
    const publicKey = publicOf(privateKey);
    const byPassphrase = await wrap(strong(passphrase), privateKey);
    const byRecovery = await wrap(plainRecovery(recoveryCode), privateKey);
    await save({ version: 1, at: clock.now(), publicKey, byPassphrase, byRecovery, mayReplace: true });
    await ledger.appendKey(publicKey, type, signerOf(privateKey));
    return { recoveryCode, signer: signerOf(privateKey) };
  }

  /** What a cut between file and ledger left undone: entries are signed only after the ledger knows the key. */
  async function signerFor(key: KeyObject): Promise<OwnerSigner> {
    const publicKey = publicOf(key);
    await ledger.appendKey(publicKey, ledger.ownerKeys().length === 0 ? 'owner.set' : 'owner.key', signerOf(key));
    return signerOf(key);
  }

  return {
    isSet: () => held !== undefined,
    key: () => held?.publicKey,
    async set({ passphrase }) {
      if (held) throw new Refusal('owner-set');
      return take(passphrase, 'owner.set');
    },
    unlock: async (passphrase) => signerFor(await opened(passphrase)),
    async recover(recoveryCode, passphrase) {
      const now = known();
      strong(passphrase);
      const key = await unwrap(plainRecovery(recoveryCode), now.byRecovery);
      if (!key) throw new Refusal('recovery-wrong');
      const fresh = newRecoveryCode();
      await save({
        ...now,
        byPassphrase: await wrap(passphrase, key),
        byRecovery: await wrap(plainRecovery(fresh), key),
      });
      const signer = await signerFor(key);
      await ledger.append({ by: 'owner', type: 'passphrase', facts: { how: 'recovery-code' } }, signer);
      return { recoveryCode: fresh, signer };
    },
    async replace(passphrase) {
      if (!known().mayReplace) throw new Refusal('replace-forbidden');
      return take(passphrase, 'owner.key');
    },
    async changePassphrase({ old, passphrase }) {
      strong(passphrase);
      const key = await opened(old);
      await save({ ...known(), byPassphrase: await wrap(passphrase, key) });
      const signer = await signerFor(key);
      await ledger.append({ by: 'owner', type: 'passphrase', facts: { how: 'passphrase' } }, signer);
      return signer;
    },
    async newRecoveryCode(passphrase) {
      const key = await opened(passphrase);
      const recoveryCode = newRecoveryCode();
      await save({ ...known(), byRecovery: await wrap(plainRecovery(recoveryCode), key) });
      await ledger.append({ by: 'owner', type: 'recovery-code' }, await signerFor(key));
      return { recoveryCode };
    },
    mayReplace: () => held?.mayReplace ?? false,
    async allowReplace(allowed, signer) {
      await save({ ...known(), mayReplace: allowed });
      await ledger.append({ by: 'owner', type: 'owner.replace', facts: { allowed } }, signer);
    },
  };
}
