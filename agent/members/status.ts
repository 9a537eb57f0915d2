/**
 * The newest status lists that were verified, for each territory: what a box knows of members' standing without anybody.
 *
 * Invariant: for each purpose the sequence only grows, on the disk before it counts. So a list from before an expulsion
 * brings nobody back, whoever staples it to an archive or serves it in place of the provider. Only what a key has signed
 * that the territory has dropped since gives way to any list by one that it has: a stolen key may have named a number that
 * nothing comes after.
 */
import { type Static, Type } from 'typebox';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { PublicJwk } from '#contract/directory.js';
import { Time } from '#contract/health.js';
import { oldAfterSeconds, StatusList, type StatusPurpose, staleAfterSeconds } from '#contract/member.js';
import { check } from '#contract/parse.js';

const HeldList = Type.Object({
  territory: Type.String(),
  /** When it was made; when it came, if that was earlier: no clock of another side makes a list fresh for ever. */
  madeAt: Time,
  list: StatusList,
  /** Of the key that signed it. */
  kid: Type.Optional(Type.String()),
});
type HeldList = Static<typeof HeldList>;

export type Freshness = 'fresh' | 'stale' | 'old';
export interface HeldStatus {
  suspension: StatusList;
  revocation: StatusList;
  /** Of the older one. */
  madeAt: number;
}

export interface HeldLists {
  of(territory: string): HeldStatus | undefined;
  territories(): string[];
  /** Keeps what is newer; answers whether anything was, and which lists are older than the ones that are held. */
  take(
    territory: string,
    lists: { suspension: StatusList; revocation: StatusList; kids: Record<StatusPurpose, string> },
  ): Promise<{ changed: boolean; replayed: StatusPurpose[] }>;
}

export function freshnessOf(madeAt: number | undefined, now: number): Freshness {
  if (madeAt === undefined) return 'old';
  const age = (now - madeAt) / 1000;
  return age < staleAfterSeconds ? 'fresh' : age < oldAfterSeconds ? 'stale' : 'old';
}

const keyOf = (territory: string, purpose: StatusPurpose): string => `${territory}!${purpose}`;

export async function openHeldLists(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: Clock & { trusted(): boolean };
  keys: (territory: string) => readonly PublicJwk[];
}): Promise<HeldLists> {
  const { store, clock } = wish;
  const sublevel = store.db.sublevel<string, unknown>('member-status', { valueEncoding: 'json' });
  const held = new Map<string, HeldList>();
  for await (const [key, value] of sublevel.iterator()) {
    const read = check(HeldList, value);
    if (read.ok) held.set(key, read.value);
  }

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  return {
    of(territory) {
      const suspension = held.get(keyOf(territory, 'suspension'));
      const revocation = held.get(keyOf(territory, 'revocation'));
      if (!suspension || !revocation) return undefined;
      const madeAt = Math.min(suspension.madeAt, revocation.madeAt);
      return { suspension: suspension.list, revocation: revocation.list, madeAt };
    },
    territories: () => [...new Set([...held.values()].map(({ territory }) => territory))],
    take: (territory, lists) =>
      inTurn(async () => {
        const ring = new Set(wish.keys(territory).map(({ kid }) => kid));
        const replayed: StatusPurpose[] = [];
        const newer = new Map<string, HeldList>();
        for (const purpose of ['suspension', 'revocation'] as const) {
          const list = lists[purpose];
          const key = keyOf(territory, purpose);
          const before = held.get(key);
          const isDropped = before?.kid !== undefined && !ring.has(before.kid);
          const last = isDropped ? 0 : (before?.list.sequence ?? 0);
          if (list.sequence < last) replayed.push(purpose);
          if (list.sequence <= last) continue;
          const made = Date.parse(list.validFrom);
          const kid = lists.kids[purpose];
          newer.set(key, { territory, kid, madeAt: clock.trusted() ? Math.min(made, clock.now()) : made, list });
        }
        await store.commit([...newer].map(([key, value]): Operation => ({ type: 'put', sublevel, key, value })));
        for (const [key, value] of newer) held.set(key, value);
        return { changed: newer.size > 0, replayed };
      }),
  };
}
