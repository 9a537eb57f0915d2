/** The apps' storage over a folder, and what lies in its database whatever the storage says of it. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Clock, systemClock } from '#common/clock.js';
import { type Files, files } from '#common/files.js';
import type { Refusal } from '#contract/problems.js';
import { keyFileOf } from '../../agent/storage/keys.js';
import type { Page } from '../../agent/storage/page.js';
import { createRecent } from '../../agent/storage/recent.js';
import { createNonces, createSeal } from '../../agent/storage/seal.js';
import { createStorage, type Storage } from '../../agent/storage/storage.js';
import { createVault, type Vault } from '../../agent/storage/vault.js';
import type { Store } from '../../agent/store/store.js';

export const keysIn = (folder: string): string => path.join(folder, 'storage-keys');

export const storageOver = (
  store: Store,
  folder: string,
  more: { files?: Files; clock?: Clock; onRefused?: (refusal: Refusal) => void } = {},
): Promise<Storage> =>
  createStorage({
    ...{ store, files, clock: systemClock, freeBytes: () => 2 ** 40, onRefused: () => {} },
    keysDirectory: keysIn(folder),
    ...more,
  });

/** With nothing in memory; undefined for an app that has no key. */
export function storedIn(store: Store, folder: string, app: string): Vault | undefined {
  const file = keyFileOf(keysIn(folder), app);
  if (!existsSync(file)) return undefined;
  const { key } = JSON.parse(readFileSync(file, 'utf8')) as { key: string };
  const seal = createSeal({ app, key: Buffer.from(key, 'hex'), nonces: createNonces() });
  return createVault({ app, seal, store, pages: createRecent<Page>({ budgetBytes: 0, sizeOf: () => 1 }) });
}
