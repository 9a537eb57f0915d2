/**
 * One row a box in memory, beside the level store: built from it at the start, and kept up by what is committed to it.
 * What a box may say is bounded by the contract, so a row is.
 */
import type { Operation } from '#common/commits.js';
import type { BoxRecord } from '../store/boxes.js';
import type { ClaimRecord } from '../store/claims.js';
import type { AboutRecord, LifeRecord } from '../store/lives.js';
import type { Store } from '../store/store.js';
import { type About, type BoxPart, type FleetRow, type LifePart, partOfBox, partOfLife, rowOf } from './row.js';

export interface IndexRows {
  /** Reads the store. What is committed meanwhile is not lost. */
  load(): Promise<void>;
  values(): readonly FleetRow[];
  /** It has come, or gone. */
  present(box: string, online: boolean): void;
  /** What another store holds of its life now. */
  live(box: string, life: LifeRecord): void;
  take(operations: readonly Operation[]): void;
}

interface Kept {
  box: BoxPart | undefined;
  life: LifePart | undefined;
  about: About;
  /** Of the claim code it came with. */
  claimLabel: string | undefined;
  online: boolean;
}

const unknown: Kept = { box: undefined, life: undefined, about: {}, claimLabel: undefined, online: false };

/** @param lives where they lie */
export function createIndexRows(
  store: Store,
  lives: () => AsyncIterable<[string, LifeRecord]> = () => store.lives.iterator(),
): IndexRows {
  const kept = new Map<string, Kept>();
  const rows = new Map<string, FleetRow>();
  let listed: readonly FleetRow[] | undefined;
  /** While the store is read: what has changed since is newer than what is read. */
  let newer: Map<string, Set<keyof Kept>> | undefined;

  function set(id: string, change: Partial<Kept>): void {
    const now = { ...(kept.get(id) ?? unknown), ...change };
    kept.set(id, now);
    if (newer) {
      const names = newer.get(id) ?? new Set();
      for (const name of Object.keys(change) as (keyof Kept)[]) names.add(name);
      newer.set(id, names);
    }
    listed = undefined;
    const { box, life, about, claimLabel, online } = now;
    // What ingest says of a box that is unknown makes no box.
    if (!box) return void rows.delete(id);
    rows.set(id, rowOf({ id, box, life, online, about: { label: about.label ?? claimLabel, place: about.place } }));
  }

  const taken = new Map<unknown, (key: string, value: unknown) => void>([
    [store.boxes, (id, value) => set(id, { box: value === undefined ? undefined : partOfBox(value as BoxRecord) })],
    [store.lives, (id, value) => set(id, { life: value === undefined ? undefined : partOfLife(value as LifeRecord) })],
    [store.abouts, (id, value) => set(id, { about: (value as AboutRecord | undefined) ?? {} })],
    [
      store.claims,
      (_hash, value) => {
        const claim = value as ClaimRecord | undefined;
        if (claim?.use) set(claim.use.box, { claimLabel: claim.label || undefined });
      },
    ],
  ]);

  /** What was read, unless something newer has come. */
  function fill<N extends keyof Kept>(id: string, name: N, value: Kept[N]): void {
    if (newer?.get(id)?.has(name)) return;
    kept.set(id, { ...(kept.get(id) ?? unknown), [name]: value });
  }

  return {
    async load() {
      newer = new Map();
      for await (const [id, record] of store.boxes.iterator()) fill(id, 'box', partOfBox(record));
      for await (const [id, record] of lives()) fill(id, 'life', partOfLife(record));
      for await (const [id, record] of store.abouts.iterator()) fill(id, 'about', record);
      for await (const { use, label } of store.claims.values())
        if (use) fill(use.box, 'claimLabel', label || undefined);
      newer = undefined;
      for (const id of kept.keys()) set(id, {});
    },
    values() {
      listed ??= [...rows.values()];
      return listed;
    },
    present: (id, online) => set(id, { online }),
    live: (id, life) => set(id, { life: partOfLife(life) }),
    take(operations) {
      for (const operation of operations) {
        if (operation.sublevel === undefined) continue;
        taken.get(operation.sublevel)?.(operation.key, operation.type === 'put' ? operation.value : undefined);
      }
    },
  };
}
