/**
 * What is installed, durable: one record an app, and what is remembered of releases that must not come again.
 *
 * Invariant: whatever stands on this box for an app (container, image, socket, blobs, grants) is named by its record
 * before it is made, and container, socket and data are gone before the record is. So what no record names is nobody's,
 * and is removed.
 */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { Capability } from '#contract/capabilities.js';
import { Told } from '#contract/changes.js';
import { PublicJwk } from '#contract/directory.js';
import { Time } from '#contract/health.js';
import { ForeignRelease, StopReason } from '#contract/installed.js';
import { ReleasedAppId, Version } from '#contract/manifest.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { Release, ReleaseId } from '#contract/release.js';
import { Succession, Successions } from '#contract/succession.js';
import type { Decision, OwnerSigner } from '../consent/ledger.js';
import type { Members } from '../members/members.js';
import type { Outcomes } from './outcomes.js';
import type { LedgerRoom, Terms } from './uses.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** A release as it was verified when it came. */
export const Held = Type.Object({
  release: ReleaseId,
  jws: Type.String(),
  credential: Type.String(),
  source: Type.Union([Type.Literal('catalogue'), Type.Literal('file')]),
});
export type Held = Static<typeof Held>;

/** The app is to pass to another maker, in one step or several, of which the owner has read or will. */
export const SuccessionOffer = Type.Object({
  /** Verified when they came: from whom it passes, to the last one's heir. */
  path: Type.Array(Succession, { minItems: 1 }),
  /** As they were signed, to be verified again, with a credential of the heir. */
  statements: Successions,
  credential: Type.String(),
  answer: NullOr(Type.Union([Type.Literal('yes'), Type.Literal('no')])),
  /** The heir's newest release that was seen. */
  next: NullOr(Held),
});
export type SuccessionOffer = Static<typeof SuccessionOffer>;

export const InstalledRecord = Type.Object(
  {
    id: ReleasedAppId,
    /** The member's key that it is bound to: of the release that runs, or of whom its owner let it pass to. */
    jwk: PublicJwk,
    /** What runs; null until the first installation has passed. */
    current: NullOr(Held),
    /** What a change is putting in its place, and what the owner granted for it. */
    next: NullOr(Type.Object({ held: Held, jwk: PublicJwk, given: Type.Array(Capability) })),
    /** What waits for the owner. */
    waiting: NullOr(Held),
    installedAt: Time,
    updatedAt: NullOr(Time),
    stopped: NullOr(StopReason),
    /** The owner had stopped it when its member was expelled: it stays so when the member comes back. */
    wasStopped: Type.Boolean(),
    succession: Type.Optional(
      Type.Object({
        /** Of the newest statement about this app that was verified: none older counts. */
        serial: Type.Integer({ minimum: 0 }),
        /** Of the key that signed it: what a dropped one has signed holds nothing up. */
        kid: Type.String(),
        /** Of the last one that its owner said yes to; 0: none. */
        passed: Type.Integer({ minimum: 0 }),
        offer: NullOr(SuccessionOffer),
      }),
    ),
    /** What the last look in the catalogue found under this id, where it was another's. */
    foreign: Type.Optional(NullOr(ForeignRelease)),
    failed: NullOr(Type.Object({ release: ReleaseId, version: Version, at: Time, problem: Told })),
  },
  { additionalProperties: true },
);
export type InstalledRecord = Static<typeof InstalledRecord>;

/** withdrawn, stopped: by member or territory; failed: here. */
const Barred = Type.Object(
  {
    app: ReleasedAppId,
    why: Type.Union([Type.Literal('withdrawn'), Type.Literal('stopped'), Type.Literal('failed')]),
    detail: Type.String(),
    at: Time,
  },
  { additionalProperties: true },
);
export type Barred = Static<typeof Barred>;

/** Asked for when its turn in the ledger has come. @throws Refusal when it does not hold any more: nothing is written */
export type LateDecision = () => Decision;

export interface Installed {
  get(id: string): InstalledRecord | undefined;
  list(): InstalledRecord[];
  /** With the ledger's entry for it, signed where it is the owner's, in one synced batch. */
  save(record: InstalledRecord, decision?: Decision | LateDecision, signer?: OwnerSigner): Promise<void>;
  remove(id: string, decision: Decision): Promise<void>;
  barred(release: string): Barred | undefined;
  bar(release: string, barred: Barred): Promise<void>;
  /** Told of the app whose record is new or gone. Answers the way to end it. */
  onChange(listener: (id: string) => void): () => void;
}

/** Whether what is installed should run now. */
export function mayRun(
  record: InstalledRecord,
  { members, terms }: { members: Pick<Members, 'see'>; terms: Pick<Terms, 'holds'> },
): boolean {
  const { current, stopped } = record;
  if (current === null || stopped !== null || members.see(current.credential)?.may === 'nothing') return false;
  return !lacksTerms(record, terms);
}

/** Whether what is installed is to be paid for, or agreed to for nothing, and is not agreed to any more. */
export const lacksTerms = ({ id, current }: InstalledRecord, terms: Pick<Terms, 'holds'>): boolean =>
  current !== null && releaseOf(current).manifest.plans !== undefined && !terms.holds(id);

/** What waits for the owner: a newer release, or the first of who comes after its maker. */
export const awaitedBy = ({ waiting, succession }: InstalledRecord): Held[] => [
  ...(waiting ? [waiting] : []),
  ...(succession?.offer?.next ? [succession.offer.next] : []),
];

/** What runs, and what is to. */
export const heldBy = ({ current, next }: InstalledRecord): Held[] => [
  ...(current ? [current] : []),
  ...(next ? [next.held] : []),
];

const read = new WeakMap<object, Release>();

/** Of a release that was verified before it was written down. @throws Error */
export function releaseOf(held: Held): Release {
  const known = read.get(held);
  if (known) return known;
  const parsed = parseJson(Release, Buffer.from(held.jws.split('.')[1] ?? '', 'base64url'));
  if (!parsed.ok) throw new Error(`cannot read a release: ${describeFaults(parsed.faults)}`);
  read.set(held, parsed.value);
  return parsed.value;
}

export async function openInstalled(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: LedgerRoom;
  /** What the provider is told of a decision goes with it into one commit. */
  outcomes: Pick<Outcomes, 'ofDecision'>;
  onRefused: (refusal: Refusal) => void;
}): Promise<Installed> {
  const { store, ledger, outcomes, onRefused } = wish;
  const sublevel = store.db.sublevel<string, unknown>('installed', { valueEncoding: 'json' });
  const bars = store.db.sublevel<string, unknown>('barred-releases', { valueEncoding: 'json' });
  const records = new Map<string, InstalledRecord>();
  const barred = new Map<string, Barred>();
  const listeners = new Set<(id: string) => void>();
  for await (const [key, value] of sublevel.iterator()) {
    const read = check(InstalledRecord, value);
    if (read.ok) records.set(key, read.value);
    else onRefused(new Refusal('internal', `the record of ${key}: ${describeFaults(read.faults)}`));
  }
  for await (const [key, value] of bars.iterator()) {
    const read = check(Barred, value);
    if (read.ok) barred.set(key, read.value);
  }

  function tell(id: string): void {
    for (const listener of [...listeners]) listener(id);
  }

  return {
    get: (id) => records.get(id),
    list: () => [...records.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    async save(record, decision, signer) {
      const told =
        decision && typeof decision !== 'function' ? outcomes.ofDecision(records.get(record.id), decision) : undefined;
      const put: Operation = { type: 'put', sublevel, key: record.id, value: record };
      const operations = [put, ...(told?.operations ?? [])];
      const now = (made: Decision | LateDecision): Decision => (typeof made === 'function' ? made() : made);
      if (decision) await ledger.decide(() => ({ decisions: [now(decision)], operations }), signer);
      else await store.commit(operations);
      records.set(record.id, record);
      told?.added();
      tell(record.id);
    },
    async remove(id, decision) {
      const told = outcomes.ofDecision(records.get(id), decision);
      const operations: Operation[] = [{ type: 'del', sublevel, key: id }, ...(told?.operations ?? [])];
      await ledger.decide(() => ({ decisions: [decision], operations }));
      records.delete(id);
      told?.added();
      tell(id);
    },
    barred: (release) => barred.get(release),
    async bar(release, value) {
      const known = barred.get(release);
      // What its member or the territory said outlasts what this box saw.
      if (known && (known.why !== 'failed' || value.why === 'failed')) return;
      await store.commit([{ type: 'put', sublevel: bars, key: release, value }]);
      barred.set(release, value);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
