/**
 * What the alliance keeps: the entries of its directory, its signing keys, and how far its sequence has come.
 *
 * `alliance.json` holds everything but private keys. `keys/N.key` signs directories in generation N, and before that
 * announces it; so the key after the current one may lie offline until the rotation that needs it. `keys.json` is what
 * boxes pin.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import { verifyDirectory } from '#common/directory/verify.js';
import { type Files, ownDirectory } from '#common/files.js';
import { publicJwkOf, signJws } from '#common/jws.js';
import { keyFromPem, keyInFile } from '#common/pki/keys.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import {
  Directory,
  DirectoryKeys,
  type DirectoryMaker,
  type DirectoryTerritory,
  directoryType,
  type PublicJwk,
  Rotation,
  rotationType,
} from '#contract/directory.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

const { territories, makers, urls } = Directory.properties;
const State = Type.Object(
  {
    sequence: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    keys: DirectoryKeys,
    rotation: Rotation,
    territories,
    makers,
    urls,
  },
  { additionalProperties: true },
);
type State = Static<typeof State>;

export interface Alliance {
  readonly territories: readonly DirectoryTerritory[];
  readonly makers: readonly DirectoryMaker[];
  readonly keys: DirectoryKeys;
  /** @throws Refusal `entry-exists`, `arguments-invalid`, `certificate-unusable` */
  addTerritory(entry: DirectoryTerritory): Promise<void>;
  addMaker(entry: DirectoryMaker): Promise<void>;
  /** @throws Refusal `entry-unknown` */
  changeTerritory(id: string, change: Pick<DirectoryTerritory, 'standing' | 'reason'>): Promise<void>;
  changeMaker(id: string, change: Pick<DirectoryMaker, 'standing'>): Promise<void>;
  /** @throws Refusal `entry-unknown` */
  setMemberKeys(id: string, memberKeys: PublicJwk[]): Promise<void>;
  removeTerritory(id: string): Promise<void>;
  setUrls(urls: string[]): Promise<void>;
  /** The next sequence, which is on the disk before anybody sees it. */
  publish(validMilliseconds: number): Promise<{ jws: string; directory: Directory }>;
  /** @throws Refusal `alliance-key` */
  rotate(wish: { nextKeyFile?: string | undefined; nextOut?: string | undefined }): Promise<void>;
}

const stateFile = (directory: string): string => path.join(directory, 'alliance.json');
const keyFile = (directory: string, generation: number): string => path.join(directory, 'keys', `${generation}.key`);
/** What boxes pin. */
export const keysFile = (directory: string): string => path.join(directory, 'keys.json');

const readable = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Can be repeated after a cut: keys that are there are kept. */
export async function createAlliance({
  files,
  directory,
  nextOut,
}: {
  files: Files;
  directory: string;
  /** Where the offline key goes; beside the other one when it is not said. */
  nextOut?: string | undefined;
}): Promise<DirectoryKeys> {
  await ownDirectory(directory);
  if (await files.read(stateFile(directory))) throw new Refusal('directory-not-empty', stateFile(directory));
  await mkdir(path.join(directory, 'keys'), { recursive: true, mode: 0o700 });
  const current = await keyInFile(files, keyFile(directory, 1));
  const next = await keyInFile(files, nextOut ?? keyFile(directory, 2));
  const keys: DirectoryKeys = { generation: 1, keys: [await publicJwkOf(current), await publicJwkOf(next)] };
  const state: State = { sequence: 0, keys, rotation: [], territories: [], makers: [] };
  await files.write(keysFile(directory), readable(keys), 0o644);
  await files.write(stateFile(directory), readable(state));
  return keys;
}

function checkCas(ders: readonly string[]): void {
  for (const der of ders)
    if (!new X509Certificate(Buffer.from(der, 'base64')).ca)
      throw new Refusal('certificate-unusable', 'it is not a certification authority');
}

/** The certification authorities in a PEM file, as the directory writes them. @throws Refusal `certificate-unusable` */
export function casFromPem(pem: string): string[] {
  try {
    const found = certificatesFromPem(pem);
    if (found.length === 0) throw new Refusal('certificate-unusable', 'there is no certificate in it');
    const ders = found.map((one) => one.raw.toString('base64'));
    checkCas(ders);
    return ders;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal('certificate-unusable', undefined, { cause: error });
  }
}

/** @throws Refusal `alliance-missing`, `config-invalid` */
export async function openAlliance({
  files,
  clock,
  directory,
}: {
  files: Files;
  clock: Clock;
  directory: string;
}): Promise<Alliance> {
  const bytes = await files.read(stateFile(directory));
  if (!bytes) throw new Refusal('alliance-missing', directory);
  const parsed = parseJson(State, bytes);
  if (!parsed.ok) throw new Refusal('config-invalid', `${stateFile(directory)}: ${describeFaults(parsed.faults)}`);
  let state = parsed.value;

  async function keep(change: Partial<State>): Promise<void> {
    const wanted = check(State, { ...state, ...change });
    if (!wanted.ok) throw new Refusal('arguments-invalid', describeFaults(wanted.faults));
    await files.write(stateFile(directory), readable(wanted.value));
    state = wanted.value;
  }

  function isNew(id: string, entries: readonly { id: string }[]): void {
    if (entries.some((one) => one.id === id)) throw new Refusal('entry-exists', id);
  }

  /** The entries with one of them changed, or taken out when there is nothing to put in its place. */
  function changed<T extends { id: string }>(entries: readonly T[], id: string, change?: (entry: T) => T): T[] {
    if (!entries.some((one) => one.id === id)) throw new Refusal('entry-unknown', id);
    return entries.flatMap((one) => (one.id === id ? (change ? [change(one)] : []) : [one]));
  }

  async function readKey(file: string, kid: string): Promise<KeyObject> {
    const pem = await files.read(file);
    if (!pem) throw new Refusal('alliance-key', `${file} is not there`);
    const key = keyFromPem(pem);
    if ((await publicJwkOf(key)).kid !== kid) throw new Refusal('alliance-key', file);
    return key;
  }

  return {
    get territories() {
      return state.territories;
    },
    get makers() {
      return state.makers;
    },
    get keys() {
      return state.keys;
    },
    async addTerritory(entry) {
      isNew(entry.id, state.territories);
      checkCas(entry.ca);
      await keep({ territories: [...state.territories, entry] });
    },
    async addMaker(entry) {
      isNew(entry.id, state.makers);
      checkCas([entry.ca]);
      await keep({ makers: [...state.makers, entry] });
    },
    changeTerritory: (id, { standing, reason }) =>
      keep({
        territories: changed(state.territories, id, ({ reason: _, ...entry }) => ({
          ...entry,
          standing,
          ...(reason === undefined ? {} : { reason }),
        })),
      }),
    changeMaker: (id, { standing }) => keep({ makers: changed(state.makers, id, (entry) => ({ ...entry, standing })) }),
    setMemberKeys: async (id, memberKeys) =>
      keep({ territories: changed(state.territories, id, (entry) => ({ ...entry, memberKeys })) }),
    removeTerritory: async (id) => keep({ territories: changed(state.territories, id) }),
    setUrls: (urls) => keep({ urls }),

    async publish(validMilliseconds) {
      const { generation, keys } = state.keys;
      const key = await readKey(keyFile(directory, generation), keys[0].kid);
      const sequence = state.sequence + 1;
      await keep({ sequence });
      const now = clock.now();
      const made: Directory = {
        sequence,
        issuedAt: now,
        expiresAt: now + validMilliseconds,
        territories: state.territories,
        makers: state.makers,
        ...(state.urls && state.urls.length > 0 ? { urls: state.urls } : {}),
      };
      const jws = await signJws({
        type: directoryType,
        payload: Buffer.from(JSON.stringify(made)),
        key,
        header: state.rotation.length > 0 ? { rotation: state.rotation } : {},
      });
      // As a box will read it: what the alliance publishes and boxes refuse must not leave this machine.
      await verifyDirectory(jws, state.keys);
      return { jws, directory: made };
    },

    async rotate({ nextKeyFile, nextOut }) {
      const { generation, keys } = state.keys;
      const place = keyFile(directory, generation + 1);
      const current = await readKey(nextKeyFile ?? place, keys[1].kid);
      const next = await keyInFile(files, nextOut ?? keyFile(directory, generation + 2));
      const after: DirectoryKeys = {
        generation: generation + 1,
        keys: [await publicJwkOf(current), await publicJwkOf(next)],
      };
      if (after.keys[0].kid === after.keys[1].kid) throw new Refusal('alliance-key', 'the next key is the current one');
      const statement = await signJws({
        type: rotationType,
        payload: Buffer.from(JSON.stringify(after)),
        key: current,
      });
      if (nextKeyFile !== undefined) await files.write(place, current.export({ type: 'pkcs8', format: 'pem' }));
      await keep({ keys: after, rotation: [...state.rotation, statement] });
      await files.write(keysFile(directory), readable(after), 0o644);
      // Nobody who has seen the rotation believes it any more, so nobody may find it.
      await files.remove(keyFile(directory, generation));
    },
  };
}
