/**
 * What the owner lets each app do: one grant a capability, durable, until it is taken back or its date has come.
 *
 * Invariants: a change and the ledger's entries for it stand in one synced batch. A grant that was seen to be over is
 * written as ended, so no clock brings it back. While the box does not know the time, its clock says the earliest that
 * it can be, and a grant holds until its end has surely come.
 */
import { type Static, Type } from 'typebox';
import { type Clock, sleepUntil } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { Capability } from '#contract/capabilities.js';
import { Grant } from '#contract/installed.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Decision, Ledger, OwnerSigner } from './ledger.js';

export interface GrantChange {
  app: string;
  given: Capability[];
  taken: Capability[];
}

export interface GrantWish {
  /** `until`: milliseconds since 1970. What is held already on the same terms stays as it is. */
  give: readonly { capability: Capability; until?: number }[];
  take: readonly Capability[];
  /** The release that the owner said yes to, for the ledger. */
  release?: string;
}

export interface Grants {
  /** Those that hold now, in the order they were given. */
  of(app: string): Grant[];
  allows(app: string, capability: Capability): boolean;
  /**
   * Resolves when it is on the disk. Asked twice, it changes nothing the second time.
   * @throws Refusal `grant-end-past` when a signed wish gives what would be over already; unsigned, as when a change is
   * taken up again, such a wish gives nothing
   */
  set(app: string, wish: GrantWish, signer?: OwnerSigner): Promise<void>;
  /** The app is gone, and all that it was granted. */
  drop(app: string): Promise<void>;
  /** Told behind the commit of what was decided, and before that of what ended. Answers the way to end it. */
  onChange(listener: (change: GrantChange) => void): () => void;
  /** Ends what has an end, when its time has come. */
  start(): void;
  stop(): Promise<void>;
}

const Row = Type.Object({ app: Type.String(), grant: Grant });
/** What could not be written as ended is tried again: on a full disk it is over all the same. */
const retryMilliseconds = 60_000;

const keyOf = (app: string, capability: Capability): string => `${app}!${capability}`;

export async function createGrants(uses: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide'>;
  clock: Clock;
  onRefused: (refusal: Refusal) => void;
}): Promise<Grants> {
  const { clock, ledger, onRefused } = uses;
  const sublevel = uses.store.db.sublevel<string, unknown>('grants', { valueEncoding: 'json' });
  const held = new Map<string, Map<Capability, Grant>>();
  const none = new Map<Capability, Grant>();
  /** Over, and not written as such yet. */
  const over = new Map<string, { app: string; grant: Grant }>();
  const listeners = new Set<(change: GrantChange) => void>();
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> | undefined;
  let writing: Promise<void> | undefined;

  for (const value of await sublevel.values().all()) {
    const read = check(Row, value);
    if (read.ok) grantsIn(read.value.app).set(read.value.grant.capability, read.value.grant);
  }

  function grantsIn(app: string): Map<Capability, Grant> {
    const known = held.get(app);
    if (known) return known;
    const made = new Map<Capability, Grant>();
    held.set(app, made);
    return made;
  }

  function tell(change: GrantChange): void {
    if (change.given.length + change.taken.length === 0) return;
    for (const listener of [...listeners]) listener(change);
  }

  const isOver = ({ until }: Grant): boolean => until !== null && clock.now() >= until;

  /** Asked at each request: nothing is made here. */
  function someOver(grants: ReadonlyMap<Capability, Grant>): boolean {
    for (const grant of grants.values()) if (isOver(grant)) return true;
    return false;
  }

  /** What has ended is gone before anybody is answered; the disk follows. */
  function look(app: string): Map<Capability, Grant> {
    const grants = held.get(app) ?? none;
    if (!someOver(grants)) return grants;
    const ended = [...grants.values()].filter(isOver);
    for (const grant of ended) {
      grants.delete(grant.capability);
      over.set(keyOf(app, grant.capability), { app, grant });
    }
    void writeEnded();
    tell({ app, given: [], taken: ended.map(({ capability }) => capability) });
    return grants;
  }

  async function endThem(): Promise<void> {
    let written: [string, { app: string; grant: Grant }][] = [];
    await ledger.decide(() => {
      written = [...over].filter(([, { app, grant }]) => !held.get(app)?.has(grant.capability));
      return {
        decisions: written.map(
          ([, { app, grant }]): Decision => ({
            by: 'box',
            type: 'grant.ended',
            facts: { app, capability: grant.capability, until: grant.until ?? 0 },
          }),
        ),
        operations: written.map(([key]): Operation => ({ type: 'del', sublevel, key })),
      };
    });
    for (const [key, row] of written) if (over.get(key) === row) over.delete(key);
  }

  function writeEnded(): Promise<void> {
    writing ??= endThem()
      .catch((error: unknown) =>
        onRefused(new Refusal('internal', 'cannot write that a permission has ended', { cause: error })),
      )
      .finally(() => {
        writing = undefined;
      });
    return writing;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      for (const app of held.keys()) look(app);
      await writing;
      const ends = [...held.values()].flatMap((grants) => [...grants.values()].flatMap(({ until }) => until ?? []));
      const again = over.size > 0 ? [clock.now() + retryMilliseconds] : [];
      const next = Math.min(...ends, ...again);
      woken = new AbortController();
      const signal = AbortSignal.any([stopping.signal, woken.signal]);
      await (Number.isFinite(next) ? sleepUntil(clock, next, signal) : aborted(signal));
      if (over.size > 0) await writeEnded();
    }
  }

  /** One after the other: each sees what the one before it has left. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  async function set(app: string, { give, take, release }: GrantWish, signer?: OwnerSigner): Promise<void> {
    const by = signer ? 'owner' : 'box';
    const about: Record<string, string> = release === undefined ? {} : { release };
    let given: Grant[] = [];
    let taken: Capability[] = [];
    await ledger.decide(() => {
      const now = look(app);
      const at = clock.now();
      const late = give.filter(({ until }) => until !== undefined && until <= at);
      if (late.length > 0 && signer) throw new Refusal('grant-end-past', late[0]?.capability);
      given = give
        .filter((wished) => !late.includes(wished) && !take.includes(wished.capability))
        .map(({ capability, until }) => ({ capability, grantedAt: at, until: until ?? null }))
        .filter(({ capability, until }) => now.get(capability)?.until !== until);
      taken = [...new Set(take)].filter((capability) => now.has(capability));
      return {
        decisions: [
          ...given.map(
            ({ capability, until }): Decision => ({
              by,
              type: 'grant.given',
              facts: { app, capability, ...(until === null ? {} : { until }), ...about },
            }),
          ),
          ...taken.map((capability): Decision => ({ by, type: 'grant.taken', facts: { app, capability, ...about } })),
        ],
        operations: [
          ...given.map((grant): Operation => {
            const value: Static<typeof Row> = { app, grant };
            return { type: 'put', sublevel, key: keyOf(app, grant.capability), value };
          }),
          ...taken.map((capability): Operation => ({ type: 'del', sublevel, key: keyOf(app, capability) })),
        ],
      };
    }, signer);
    const grants = grantsIn(app);
    const fresh = given.filter(({ capability }) => !grants.has(capability));
    for (const grant of given) {
      over.delete(keyOf(app, grant.capability));
      grants.set(grant.capability, grant);
    }
    for (const capability of taken) grants.delete(capability);
    woken.abort();
    tell({ app, given: fresh.map(({ capability }) => capability), taken });
  }

  async function drop(app: string): Promise<void> {
    let taken: Capability[] = [];
    await ledger.decide(() => {
      taken = [...look(app).keys()];
      return {
        decisions: taken.length > 0 ? [{ by: 'box', type: 'grant.dropped', facts: { app, count: taken.length } }] : [],
        operations: taken.map((capability): Operation => ({ type: 'del', sublevel, key: keyOf(app, capability) })),
      };
    });
    held.delete(app);
    tell({ app, given: [], taken });
  }

  return {
    of: (app) => [...look(app).values()].map((grant) => ({ ...grant })),
    allows: (app, capability) => look(app).has(capability),
    set: (app, wish, signer) => inTurn(() => set(app, wish, signer)),
    drop: (app) => inTurn(() => drop(app)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
      await turn;
      await writing;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
