/**
 * Reset and hand-over: the box forgets everything but who made it.
 *
 * What is deleted cannot hold the journal, so a marker file does. Each phase bears being done again, and the store is
 * not opened before the marker is through: cut at any point, the next start goes on where this one was.
 */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import { type Files, isErrno } from '#common/files.js';
import { Time } from '#contract/health.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export const ResetKind = Type.Union([Type.Literal('reset'), Type.Literal('hand-over')]);
export type ResetKind = Static<typeof ResetKind>;

const Marker = Type.Object({
  kind: ResetKind,
  by: Type.Union([Type.Literal('console'), Type.Literal('command'), Type.Literal('button')]),
  at: Time,
  phase: Type.Union([Type.Literal('leave'), Type.Literal('wipe'), Type.Literal('wiped')]),
  /** A new volume was asked for, with a new key: once, whatever becomes of it. */
  volumeAsked: Type.Optional(Type.Literal(true)),
});
export type ResetMarker = Static<typeof Marker>;

export interface ResetRoom {
  /** Resolves when it is certain to happen, at the next start at the latest. */
  ask(wish: { kind: ResetKind; by: ResetMarker['by'] }): Promise<void>;
  /** By a marker or by the file on the boot partition. */
  isAskedFor(): Promise<boolean>;
  /** The file on the boot partition asks for it once. @throws Refusal `button-stuck` */
  look(): Promise<void>;
  /** Does what was asked for. Nothing may have the store open. Answers what was done, until `close`. */
  perform(): Promise<ResetMarker | undefined>;
  /** The new ledger says it now. */
  close(): Promise<void>;
}

const markerName = 'reset.json';
export const buttonName = 'webizen-reset';

/** Who made the box, and the alliance's public word on territories: neither is the owner's. */
const kept = (name: string): boolean => name === markerName || name === 'factory' || name.startsWith('directory');
/** Too large to overwrite, and no keys in them. */
const bulk = new Set(['store', 'apps', 'blobs']);

export function createReset(wish: {
  dataDir: string;
  bootDir: string | undefined;
  files: Files;
  clock: Clock;
  /** Tells the provider, for some seconds at most; never rejects for its sake. */
  leave: (reason: ResetKind) => Promise<void>;
  /** A voucher serves the first owner only. */
  spendVoucher: () => Promise<void>;
  /** Has the volume made anew, where it can be: what was deleted is then under a key that nobody has. Resolves where it is not. */
  renewVolume?: () => Promise<void>;
}): ResetRoom {
  const { dataDir, bootDir, files, clock } = wish;
  const file = path.join(dataDir, markerName);

  async function load(): Promise<ResetMarker | undefined> {
    const bytes = await files.read(file);
    if (!bytes) return undefined;
    const read = parseJson(Marker, bytes);
    if (!read.ok) throw new Error(`cannot use ${file}: ${describeFaults(read.faults)}`);
    return read.value;
  }

  async function save(marker: ResetMarker): Promise<ResetMarker> {
    await files.write(file, JSON.stringify(marker), 0o600);
    return marker;
  }

  async function destroy(place: string): Promise<void> {
    try {
      for (const entry of await readdir(place, { withFileTypes: true })) {
        const inner = path.join(place, entry.name);
        if (entry.isDirectory()) await destroy(inner);
        else if (entry.isFile()) await files.destroy(inner);
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    await rm(place, { recursive: true, force: true });
  }

  async function wipe(): Promise<void> {
    const names = (await readdir(dataDir)).filter((name) => !kept(name));
    const isBulk = (name: string): number => Number(bulk.has(name));
    // Keys first: what is left after a cut belongs to nobody.
    for (const name of names.toSorted((a, b) => isBulk(a) - isBulk(b))) {
      const place = path.join(dataDir, name);
      if (bulk.has(name)) await rm(place, { recursive: true, force: true });
      else
        await destroy(place).catch((error: unknown) =>
          isErrno(error, 'ENOTDIR') ? files.destroy(place) : Promise.reject(error),
        );
    }
  }

  async function ask({ kind, by }: { kind: ResetKind; by: ResetMarker['by'] }): Promise<void> {
    if (!(await load())) await save({ kind, by, at: clock.now(), phase: 'leave' });
  }

  const button = bootDir === undefined ? undefined : path.join(bootDir, buttonName);
  const isPressed = async (): Promise<boolean> => button !== undefined && (await files.read(button)) !== undefined;

  return {
    ask,
    isAskedFor: async () => (await load()) !== undefined || (await isPressed()),
    async look() {
      if (button === undefined || !(await isPressed())) return;
      const already = await load();
      await ask({ kind: 'reset', by: 'button' });
      try {
        await files.remove(button);
      } catch (error) {
        // It would ask again at each start: better not at all.
        if (!already) await files.remove(file);
        throw new Refusal('button-stuck', button, { cause: error });
      }
    },
    async perform() {
      let marker = await load();
      if (marker?.phase === 'leave') {
        await wish.leave(marker.kind);
        marker = await save({ ...marker, phase: 'wipe' });
      }
      if (marker?.phase === 'wipe') {
        await wish.spendVoucher();
        await wipe();
        marker = await save({ ...marker, phase: 'wiped' });
      }
      if (marker && !marker.volumeAsked && wish.renewVolume) {
        marker = await save({ ...marker, volumeAsked: true });
        await wish.renewVolume();
      }
      return marker;
    },
    close: () => files.remove(file),
  };
}
