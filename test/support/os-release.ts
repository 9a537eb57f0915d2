/** A publisher of images: its keys, its releases, and bundles that the machine of two-slots.ts installs. */
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { publicJwkOf } from '#common/jws.js';
import { signOsKeys, signOsRelease } from '#common/os/release.js';
import type { OsKeys, OsRelease } from '#contract/os-release.js';
import { testSigner } from './installing.js';

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export interface Generation {
  keys: OsKeys;
  /** The one that signs, and the offline one. */
  current: KeyObject;
  next: KeyObject;
}

export interface TestPublisher extends Generation {
  sign(release: OsRelease, more?: { key?: KeyObject; rotation?: string[] }): Promise<string>;
  /** The generation after this one, and the statement that leads there. */
  rotate(): Promise<{ publisher: TestPublisher; statement: string }>;
}

async function publisherOf(generation: number, current: KeyObject, next: KeyObject): Promise<TestPublisher> {
  const keys: OsKeys = { generation, keys: [await publicJwkOf(current), await publicJwkOf(next)] };
  return {
    ...{ keys, current, next },
    sign: (release, { key = current, rotation } = {}) => signOsRelease(release, { key, ...(rotation && { rotation }) }),
    async rotate() {
      const publisher = await publisherOf(generation + 1, next, newKey());
      return { publisher, statement: await signOsKeys(publisher.keys, next) };
    },
  };
}

export const testPublisher = (): Promise<TestPublisher> => publisherOf(1, newKey(), newKey());

/** How the machine behaves that runs it. */
export interface Behaviour {
  /** It does not come up. */
  dead?: boolean;
  /** What is said to be wrong on it. */
  ill?: string;
  /** It cannot tell its slots; nor keep itself. */
  isDeaf?: boolean;
  cannotKeep?: boolean;
}

export interface TestBundle {
  bytes: Buffer;
  bundle: OsRelease['bundle'];
}

export function testBundle(version: string, behaviour: Behaviour = {}, padding = 100_000): TestBundle {
  const head = JSON.stringify({ compatible: 'webizen-test', version, behaviour });
  const bytes = Buffer.concat([Buffer.from(`${head}\n`), Buffer.alloc(padding, version)]);
  return { bytes, bundle: { sha256: sha256Of(bytes), size: bytes.length } };
}

/** Built as RAUC's are: what lies in it, and an end by which it is known; the machine of two-slots.ts holds the one against the other. */
export function streamedBundle(version: string, behaviour: Behaviour = {}, padding = 1_000_000): TestBundle {
  const body = Buffer.concat([Buffer.from('hsqs'), testBundle(version, behaviour, padding).bytes]);
  const signed = Buffer.concat([Buffer.from([0x30]), Buffer.from(sha256Of(body))]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(signed.length));
  const end = Buffer.concat([signed, length]);
  const bytes = Buffer.concat([body, end]);
  const signature = { sha256: sha256Of(end), size: end.length };
  return { bytes, bundle: { sha256: sha256Of(bytes), size: bytes.length, signature } };
}

const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export const someRelease = (more: Partial<OsRelease> = {}): OsRelease => ({
  compatible: 'webizen-test',
  version: '1.1.0',
  channel: 'stable',
  releasedAt: Date.UTC(2026, 10, 20),
  security: false,
  bundle: testBundle('1.1.0').bundle,
  minimum: '1.0.0',
  notes: { en: 'Mends what was amiss.' },
  ...more,
});

/** An owner's key, in a session. */
export const someSigner = () => testSigner(newKey());
