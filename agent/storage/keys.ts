/**
 * The apps' keys, a file each. A key is on the disk before the first row that needs it, and destroyed before the rows go:
 * whatever a flash disk, an old table file or a backup keeps of them then is of no use to anybody.
 *
 * A key is never made where rows lie that need another: an app whose key is missing or damaged is refused, until the key
 * is put back or the app is removed. Nobody else notices.
 */
import { createHmac, randomBytes } from 'node:crypto';
import path from 'node:path';
import { Type } from 'typebox';
import { type Files, ownDirectory, syncPath } from '#common/files.js';
import { AppId } from '#contract/api.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { createNonces, createSeal, keyBytes, type Seal } from './seal.js';

export interface Keys {
  /** Undefined: nothing is stored. @throws Refusal `storage-key-missing`, `storage-key-damaged` */
  of(app: string): Seal | undefined;
  /** Resolves when the key is on the disk. @throws Refusal as `of` */
  make(app: string): Promise<Seal>;
  /** Refuses the app until it is forgotten, or the agent starts again. */
  bar(app: string, refusal: Refusal): void;
  /** Nothing of the app can be read from then on, by anybody. Bears being cut and done again. */
  destroy(app: string): Promise<void>;
  /** The app has no rows any more: it may get a new key. */
  release(app: string): void;
}

const KeyFile = Type.Object({
  form: Type.Literal(1),
  app: AppId,
  key: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** That this is the key, and this the app: else damage would show as values that do not open. */
  check: Type.String(),
});

const checkOf = (app: string, key: Uint8Array): string =>
  createHmac('sha256', key).update(`webizen storage check ${app}`).digest('hex').slice(0, 16);

/** Whose rows they are. `.key` keeps the files of one app apart from what is beside those of another while it is written. */
export const keyFileOf = (directory: string, app: string): string => path.join(directory, `${app}.key`);

const buildKeyFile = (app: string, key: Buffer): string =>
  `${JSON.stringify({ form: 1, app, key: key.toString('hex'), check: checkOf(app, key) })}\n`;

/** Undefined for what is no key of this app. */
function parseKeyFile(app: string, bytes: Uint8Array): Buffer | undefined {
  const read = parseJson(KeyFile, bytes);
  if (!read.ok || read.value.app !== app) return undefined;
  const key = Buffer.from(read.value.key, 'hex');
  return read.value.check === checkOf(app, key) ? key : undefined;
}

/** @throws Refusal `directory-owner`, `disk-full` */
export async function createKeys({
  directory,
  files,
  apps,
  onRefused,
}: {
  directory: string;
  files: Files;
  /** Those of which rows lie in the database. */
  apps: Iterable<string>;
  onRefused: (refusal: Refusal) => void;
}): Promise<Keys> {
  await ownDirectory(directory);
  await syncPath(path.dirname(directory)); // a key that is on the disk must be found there
  const nonces = createNonces();
  const known = new Map<string, Seal | Refusal>();
  const making = new Map<string, Promise<Seal>>();
  const sealOf = (app: string, key: Uint8Array): Seal => createSeal({ app, key, nonces });

  function of(app: string): Seal | undefined {
    const found = known.get(app);
    if (found instanceof Refusal) throw found;
    return found;
  }

  async function make(app: string): Promise<Seal> {
    const file = keyFileOf(directory, app);
    const bytes = await files.read(file);
    let key = bytes && parseKeyFile(app, bytes); // made for a first value that a cut kept from coming
    if (!key) {
      key = randomBytes(keyBytes);
      await files.write(file, buildKeyFile(app, key), 0o600);
    }
    const seal = sealOf(app, key);
    known.set(app, seal);
    return seal;
  }

  function bar(app: string, refusal: Refusal): void {
    known.set(app, refusal);
    onRefused(refusal);
  }

  for (const app of apps) {
    const bytes = await files.read(keyFileOf(directory, app));
    const key = bytes && parseKeyFile(app, bytes);
    if (key) known.set(app, sealOf(app, key));
    else bar(app, new Refusal(bytes ? 'storage-key-damaged' : 'storage-key-missing', app));
  }

  return {
    of,
    bar,
    async make(app) {
      const seal = of(app);
      if (seal) return seal;
      const mine = making.get(app) ?? make(app).finally(() => making.delete(app));
      making.set(app, mine);
      return await mine;
    },
    async destroy(app) {
      await files.destroy(keyFileOf(directory, app));
      known.set(app, new Refusal('storage-key-missing', app));
    },
    release: (app) => void known.delete(app),
  };
}
