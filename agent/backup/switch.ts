/**
 * Restoring: what was staged takes the place of what the box has, all at once or not at all.
 *
 * What is replaced holds the journal of changes, so a marker file does its work, as for a reset, and the store is not
 * opened before the marker is through. Each phase bears being done again: cut at any point, the next start goes on where
 * this one was. What was there before stays beside until the agent has started with what came back; where it does not, at
 * the third start all goes back.
 */
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { type Files, isErrno, syncPath } from '#common/files.js';
import { Time } from '#contract/health.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { clearStage, type Staged, stagedIn, stagePlaces } from './stage.js';

const Marker = Type.Object({
  /** Of this restoring; random. */
  id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  at: Time,
  /** Whether the owner of the backup becomes the box's: it has none. */
  takesOwner: Type.Boolean(),
  phase: Type.Union([
    Type.Literal('chosen'),
    Type.Literal('merged'),
    Type.Literal('switched'),
    Type.Literal('kept'),
    Type.Literal('undoing'),
    Type.Literal('undone'),
  ]),
  /** What stood in the box's own places before. */
  had: Type.Array(Type.String()),
  /** Starts with what came back. */
  tries: Type.Integer({ minimum: 0 }),
});
export type RestoreMarker = Static<typeof Marker>;

export interface RestoreRoom {
  /** Certain to happen from here on, at the next start. */
  ask(wish: { id: string; at: number; takesOwner: boolean }): Promise<void>;
  isAskedFor(): Promise<boolean>;
  /** Nothing may have the store open. Answers what is to be told once it is. */
  perform(): Promise<'nothing' | 'switched' | 'undone'>;
  /** The agent has started with what came back, and what was before goes; or what was undone is told. */
  settle(): Promise<void>;
}

const markerName = 'restore.json';
const mostTries = 3;

const exists = (place: string): Promise<boolean> =>
  access(place).then(
    () => true,
    () => false,
  );

export function createRestore(wish: {
  dataDir: string;
  files: Files;
  /**
   * Gives the staged store what is the box's own, and the ledger its entries. Must bear being done again.
   * @throws Refusal when it cannot be done: nothing is restored
   */
  merge(marker: RestoreMarker, staged: Staged): Promise<void>;
  onRefused(refusal: Refusal): void;
}): RestoreRoom {
  const { dataDir, files, onRefused } = wish;
  const file = path.join(dataDir, markerName);
  const places = stagePlaces(dataDir);
  const beforeFolder = path.join(places.folder, 'before');
  const failedFolder = path.join(places.folder, 'failed');
  const here = (name: string): string => path.join(dataDir, name);

  async function load(): Promise<RestoreMarker | undefined> {
    const bytes = await files.read(file);
    if (!bytes) return undefined;
    const read = parseJson(Marker, bytes);
    if (!read.ok) throw new Error(`cannot use ${file}: ${describeFaults(read.faults)}`);
    return read.value;
  }

  async function save(marker: RestoreMarker): Promise<RestoreMarker> {
    await files.write(file, JSON.stringify(marker), 0o600);
    return marker;
  }

  /** In this order, and back in the other one. */
  const movedBy = ({ takesOwner }: RestoreMarker): string[] => [
    'storage-keys',
    ...(takesOwner ? ['owner.json'] : []),
    'store',
  ];

  async function move(from: string, to: string): Promise<void> {
    await rename(from, to);
    await Promise.all([syncPath(path.dirname(from)), syncPath(path.dirname(to))]);
  }

  async function switchOver(marker: RestoreMarker): Promise<void> {
    await mkdir(beforeFolder, { recursive: true, mode: 0o700 });
    for (const name of movedBy(marker)) {
      const staged = path.join(places.folder, name);
      if (!(await exists(staged))) continue; // it is in its place already
      const before = path.join(beforeFolder, name);
      // Where a cut came between the two, whatever somebody made in its place meanwhile is nothing.
      if (await exists(before)) await rm(here(name), { recursive: true, force: true });
      else if (await exists(here(name))) await move(here(name), before);
      await move(staged, here(name));
    }
    // A blob is what its name says, whoever brought it.
    await mkdir(here('blobs'), { recursive: true, mode: 0o700 });
    for (const digest of await readdir(places.blobs).catch(() => [] as string[]))
      await move(path.join(places.blobs, digest), path.join(here('blobs'), digest));
  }

  async function switchBack(marker: RestoreMarker): Promise<void> {
    await mkdir(failedFolder, { recursive: true, mode: 0o700 });
    for (const name of movedBy(marker).reverse()) {
      const before = path.join(beforeFolder, name);
      const isBack = marker.had.includes(name) ? !(await exists(before)) : !(await exists(here(name)));
      if (isBack) continue;
      if (await exists(here(name))) {
        await rm(path.join(failedFolder, name), { recursive: true, force: true });
        await move(here(name), path.join(failedFolder, name));
      }
      if (marker.had.includes(name)) await move(before, here(name));
    }
  }

  /** Keys are overwritten before they go. */
  async function clear(): Promise<void> {
    for (const folder of [beforeFolder, failedFolder]) {
      await files.destroy(path.join(folder, 'owner.json')).catch(() => {});
      const keys = path.join(folder, 'storage-keys');
      for (const name of await readdir(keys).catch(() => [] as string[])) await files.destroy(path.join(keys, name));
    }
    await clearStage(places);
  }

  async function end(): Promise<void> {
    await clear();
    await files.remove(file);
  }

  async function merge(marker: RestoreMarker): Promise<RestoreMarker | undefined> {
    try {
      const staged = await stagedIn(places, files);
      if (!staged) throw new Refusal('restore-impossible', 'what was read is not there any more');
      await wish.merge(marker, staged);
      const had: string[] = [];
      for (const name of movedBy(marker)) if (await exists(here(name))) had.push(name);
      return await save({ ...marker, phase: 'merged', had });
    } catch (error) {
      if (isErrno(error, 'EIO')) throw error;
      onRefused(error instanceof Refusal ? error : new Refusal('restore-impossible', undefined, { cause: error }));
      await end(); // nothing of the box has been touched
      return undefined;
    }
  }

  return {
    async ask({ id, at, takesOwner }) {
      await save({ id, at, takesOwner, phase: 'chosen', had: [], tries: 0 });
    },
    isAskedFor: async () => (await load()) !== undefined,
    async perform() {
      let marker = await load();
      if (!marker) {
        await clearStage(places); // read, and not restored
        return 'nothing';
      }
      if (marker.phase === 'chosen') marker = await merge(marker);
      if (!marker) return 'nothing';
      if (marker.phase === 'merged') {
        await switchOver(marker);
        marker = await save({ ...marker, phase: 'switched' });
      }
      if (marker.phase === 'switched' && marker.tries >= mostTries)
        marker = await save({ ...marker, phase: 'undoing' });
      if (marker.phase === 'switched') {
        await save({ ...marker, tries: marker.tries + 1 });
        return 'switched';
      }
      if (marker.phase === 'undoing') {
        await switchBack(marker);
        marker = await save({ ...marker, phase: 'undone' });
      }
      if (marker.phase === 'undone') return 'undone';
      await end();
      return 'nothing';
    },
    async settle() {
      const marker = await load();
      if (!marker) return;
      if (marker.phase === 'switched') await save({ ...marker, phase: 'kept' });
      await end();
    },
  };
}
