/**
 * What the box remembers of its systems, in one record of the store.
 *
 * Invariants: the floor, the highest version that has proved itself here, never goes back, whatever runs and whatever the
 * clock says; nor does the generation of the publisher's keys. What has failed stays in the list until its owner has it
 * tried again, or newer ones have pushed it out.
 */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { Time } from '#contract/health.js';
import { compareVersions, Version } from '#contract/manifest.js';
import { OsSettings, usualOsSettings } from '#contract/os.js';
import { largestOsRelease, OsKeys, OsOutcome, OsRelease } from '#contract/os-release.js';
import { check, parseJson } from '#contract/parse.js';
import type { Decision, Ledger, OwnerSigner } from '../consent/ledger.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** A release that was verified, as it came. */
const Chosen = Type.Object({
  id: Type.String(),
  jws: Type.String({ maxLength: largestOsRelease }),
  notBefore: NullOr(Time),
});

/** `again`: when it may be tried again by itself; null: never. */
const Failed = Type.Object({
  version: Version,
  code: Type.String(),
  at: Time,
  times: Type.Integer(),
  again: NullOr(Time),
});
export type Failed = Static<typeof Failed>;

const Row = Type.Object(
  {
    settings: OsSettings,
    floor: NullOr(Version),
    keys: NullOr(OsKeys),
    retired: Type.Array(Type.String(), { maxItems: 100 }),
    /** What the provider has selected last. */
    chosen: NullOr(Chosen),
    /** That the owner wants now. */
    saidNow: NullOr(Version),
    failed: Type.Array(Failed, { maxItems: 20 }),
    last: NullOr(OsOutcome),
    /** Whose outcome that is: a change that is cut writes it down once. */
    lastChange: NullOr(Type.String()),
    /** The release that could not be streamed here: it is fetched as a whole. */
    unstreamed: Type.Optional(Type.String()),
  },
  { additionalProperties: true },
);
type Row = Static<typeof Row>;

export interface Choice {
  id: string;
  release: OsRelease;
  notBefore: number | null;
}

export interface OsBook {
  now(): Omit<Row, 'chosen'> & { chosen: Choice | null };
  /** Durable when it resolves, with its lines in the ledger in one batch. */
  set(
    change: (now: Row) => Partial<Row>,
    told?: { decisions: readonly Decision[]; signer?: OwnerSigner | undefined },
  ): Promise<void>;
  /** What cannot be read back is nothing. */
  choose(chosen: { id: string; jws: string; notBefore: number | null } | null): Promise<void>;
  onChange(listener: () => void): () => void;
}

const mostFailed = 20;
const empty: Row = {
  settings: usualOsSettings,
  ...{ floor: null, keys: null, retired: [], chosen: null, saidNow: null, failed: [], last: null, lastChange: null },
};

/** It was verified before it was written here. */
function releaseIn(jws: string): OsRelease | undefined {
  const read = parseJson(OsRelease, Buffer.from(jws.split('.')[1] ?? '', 'base64url'));
  return read.ok ? read.value : undefined;
}

const higher = (one: string | null, other: string | null): string | null =>
  one === null || other === null ? (one ?? other) : compareVersions(one, other) >= 0 ? one : other;

/** The one that has just failed takes the place of its older self. */
export const withFailed = (failed: readonly Failed[], one: Failed): Failed[] =>
  [one, ...failed.filter(({ version }) => version !== one.version)].slice(0, mostFailed);

export async function openOsBook({
  store,
  ledger,
}: {
  store: { db: Database };
  ledger: Pick<Ledger, 'decide'>;
}): Promise<OsBook> {
  const sublevel = store.db.sublevel<string, unknown>('os', { valueEncoding: 'json' });
  const read = check(Row, await sublevel.get('state'));
  let row: Row = read.ok ? read.value : empty;
  let choice = choiceOf(row);
  const listeners = new Set<() => void>();

  function choiceOf({ chosen }: Row): Choice | null {
    const release = chosen && releaseIn(chosen.jws);
    return chosen && release ? { id: chosen.id, release, notBefore: chosen.notBefore } : null;
  }

  let turn: Promise<unknown> = Promise.resolve();
  function set(
    change: (now: Row) => Partial<Row>,
    { decisions, signer }: { decisions: readonly Decision[]; signer?: OwnerSigner | undefined } = { decisions: [] },
  ): Promise<void> {
    const mine = turn.then(async () => {
      const changed = { ...row, ...change(row) };
      const next = { ...changed, floor: higher(row.floor, changed.floor) };
      const operations: Operation[] = [{ type: 'put', sublevel, key: 'state', value: next }];
      await ledger.decide(() => ({ decisions, operations }), signer);
      row = next;
      choice = choiceOf(next);
      for (const listener of [...listeners]) listener();
    });
    turn = mine.catch(() => {});
    return mine;
  }

  return {
    now: () => ({ ...row, chosen: choice }),
    set,
    choose: (chosen) => set(() => ({ chosen })),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
