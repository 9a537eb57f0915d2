/**
 * What the box's data lie on, and the storage key until its owner has it: made when the volume was, kept in the volume
 * itself, shown to the owner alone, and destroyed once they have typed the end of it. Then it is on paper or nowhere.
 */
import type { Files } from '#common/files.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { StorageKey, type VolumeGlance, VolumeState } from '#contract/volume.js';
import type { Ledger, OwnerSigner } from '../consent/ledger.js';

export interface Volume {
  glance(): VolumeGlance;
  /** @throws Refusal `storage-key-gone` */
  show(signer: OwnerSigner): Promise<string>;
  /** @param last what the owner typed of its last group @throws Refusal `storage-key-mistyped`, `storage-key-gone` */
  noted(last: string, signer: OwnerSigner): Promise<void>;
  /** Told when the key is gone. Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

const plain = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '');

/** Undefined where the system does not tell, as on a developer's machine. @throws Error where what it tells cannot be read */
export async function openVolume(wish: {
  stateFile: string;
  keyFile: string;
  files: Files;
  ledger: Pick<Ledger, 'append'>;
}): Promise<Volume | undefined> {
  const { stateFile, keyFile, files, ledger } = wish;
  const bytes = await files.read(stateFile);
  if (!bytes) return undefined;
  const read = parseJson(VolumeState, bytes);
  if (!read.ok) throw new Error(`cannot use ${stateFile}: ${describeFaults(read.faults)}`);
  const state = read.value;
  const listeners = new Set<() => void>();

  async function load(): Promise<string | undefined> {
    const text = (await files.read(keyFile))?.toString('utf8').trim();
    return text !== undefined && check(StorageKey, text).ok ? text : undefined;
  }
  async function key(): Promise<string> {
    const found = await load();
    if (found === undefined) throw new Refusal('storage-key-gone');
    return found;
  }
  let keyWaits = (await load()) !== undefined;

  return {
    glance: () => ({ state, keyWaits }),
    async show(signer) {
      const found = await key();
      await ledger.append({ by: 'owner', type: 'storage-key.shown', facts: {} }, signer);
      return found;
    },
    async noted(last, signer) {
      const found = await key();
      if (plain(last) !== found.slice(-8)) throw new Refusal('storage-key-mistyped');
      await ledger.append({ by: 'owner', type: 'storage-key.noted', facts: {} }, signer);
      await files.destroy(keyFile);
      keyWaits = false;
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
