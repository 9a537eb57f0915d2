/**
 * What the owner and others decided about this box: append-only and hash-chained (contract/ledger.ts), one synced
 * commit an entry.
 *
 * What a stranger can repeat at will must not fill it: such facts are counted beside the chain, and become one entry
 * when something else happens, when the hour is over, or when the ledger is exported.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry, LedgerExport, LedgerHead } from '#contract/ledger.js';
import { entryText, hashOfText, signDetached } from '#contract/ledger-chain.js';

export type LedgerFacts = LedgerEntry['facts'];

export interface Decision {
  by: LedgerEntry['by'];
  type: string;
  facts?: LedgerFacts;
}

/** The owner's key, in a signed-in session only. */
export interface OwnerSigner {
  /** RFC 7638 thumbprint. */
  kid: string;
  /** ES256: r and s, 64 bytes. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export interface Ledger {
  /** Durable when it resolves. A signed entry needs the signer of a signed-in session. Undefined: it was only counted. */
  append(decision: Decision, signer?: OwnerSigner): Promise<LedgerEntry | undefined>;
  /**
   * Entries for all the decisions and what they change, in one synced batch. `operations` is asked when their turn has
   * come, and answers what is to be written: nothing decided, nothing written.
   */
  decide(
    work: () => { decisions: readonly Decision[]; operations: readonly Operation[] },
    signer?: OwnerSigner,
  ): Promise<void>;
  /** The key becomes the owner's, with the entry that says so: exported with what it signs from now on. */
  appendKey(jwk: PublicJwk, type: 'owner.set' | 'owner.key', signer: OwnerSigner): Promise<void>;
  ownerKeys(): readonly PublicJwk[];
  /** Undefined while it is empty. */
  head(): LedgerHead | undefined;
  /** After this index, in the order asked for; `after` counts back when newest first. */
  entries(page: { after?: number; limit: number; newestFirst?: boolean }): Promise<LedgerEntry[]>;
  /** The whole of it, for the owner to keep. */
  export(): Promise<LedgerExport>;
  /** The provider's word that it has seen a head: only the newest is kept. */
  keepReceipt(receipt: string): Promise<void>;
  /** Told of each new entry. Answers the way to end it. */
  onAppend(listener: (entry: LedgerEntry) => void): () => void;
}

/** Counted, not listed one by one. */
const counted = new Set(['sign-in-failed', 'setup-code-failed', 'recovery-failed', 'command-refused']);
const longestRun = 3_600_000;

interface Run {
  by: LedgerEntry['by'];
  count: number;
  firstAt: number;
  lastAt: number;
}

interface Meta {
  ledger: string;
  ownerKeys: PublicJwk[];
  receipt?: string;
  runs: Record<string, Run>;
}

const keyOf = (index: number): string => String(index).padStart(12, '0');

export async function createLedger(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: Clock;
  /** Whether the clock is known to be right; it is where nothing is said. */
  isTimeKnown?: () => boolean;
}): Promise<Ledger> {
  const { store, clock, isTimeKnown = () => true } = wish;
  const sublevel = store.db.sublevel<string, LedgerEntry>('ledger', { valueEncoding: 'json' });
  const metas = store.db.sublevel<string, Meta>('ledgerMeta', { valueEncoding: 'json' });
  const listeners = new Set<(entry: LedgerEntry) => void>();
  let meta: Meta = (await metas.get('meta')) ?? { ledger: randomBytes(16).toString('hex'), ownerKeys: [], runs: {} };
  let last = (await sublevel.values({ reverse: true, limit: 1 }).all())[0];

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  async function entryOf(after: LedgerEntry | undefined, decision: Decision, at: number, signer?: OwnerSigner) {
    const plain = {
      index: after ? after.index + 1 : 0,
      ledger: meta.ledger,
      at,
      by: decision.by,
      type: decision.type,
      // Signed with the rest: nobody is to take `at` for the hour when it happened.
      facts: { ...decision.facts, ...(isTimeKnown() ? {} : { clock: 'not-set' }) },
      previous: after?.hash ?? null,
    };
    const text = entryText(plain);
    const signature = signer && { signature: await signDetached(text, signer) };
    return { ...plain, hash: hashOfText(text), ...signature } satisfies LedgerEntry;
  }

  /** Entries for what was counted, where `ends` says that the counting ends, and `decisions` behind them. */
  async function write(
    next: Meta,
    ends: (run: Run) => boolean,
    decisions: readonly Decision[] = [],
    signer?: OwnerSigner,
    more: readonly Operation[] = [],
  ) {
    const made: LedgerEntry[] = [];
    const runs = { ...next.runs };
    for (const [type, run] of Object.entries(next.runs).sort(([, a], [, b]) => a.firstAt - b.firstAt)) {
      if (!ends(run)) continue;
      delete runs[type];
      const { by, count, firstAt, lastAt } = run;
      made.push(await entryOf(made.at(-1) ?? last, { by, type, facts: { count, firstAt, lastAt } }, clock.now()));
    }
    for (const decision of decisions) made.push(await entryOf(made.at(-1) ?? last, decision, clock.now(), signer));
    const kept: Meta = { ...next, runs };
    await store.commit([
      { type: 'put', sublevel: metas, key: 'meta', value: kept },
      ...made.map((value): Operation => ({ type: 'put', sublevel, key: keyOf(value.index), value })),
      ...more,
    ]);
    meta = kept;
    last = made.at(-1) ?? last;
    for (const entry of made) for (const listener of [...listeners]) listener(entry);
    return made;
  }

  const isLong = ({ firstAt }: Run): boolean => Math.abs(clock.now() - firstAt) >= longestRun;
  const sealLong = (): Promise<unknown> =>
    inTurn(async () => Object.values(meta.runs).some(isLong) && (await write(meta, isLong)));

  return {
    append: (decision, signer) =>
      inTurn(async () => {
        if (!counted.has(decision.type)) return (await write(meta, () => true, [decision], signer)).at(-1);
        if (Object.values(meta.runs).some(isLong)) await write(meta, isLong);
        const now = clock.now();
        const run = meta.runs[decision.type] ?? { by: decision.by, count: 0, firstAt: now, lastAt: now };
        const runs = { ...meta.runs, [decision.type]: { ...run, count: run.count + 1, lastAt: now } };
        await write({ ...meta, runs }, () => false);
        return undefined;
      }),
    decide: (work, signer) =>
      inTurn(async () => {
        const { decisions, operations } = work();
        if (decisions.length + operations.length === 0) return;
        await write(meta, () => decisions.length > 0, decisions, signer, operations);
      }),
    head: () => last && { ledger: last.ledger, length: last.index + 1, hash: last.hash },
    async entries({ after, limit, newestFirst = false }) {
      await sealLong();
      const from = after === undefined ? {} : newestFirst ? { lt: keyOf(after) } : { gt: keyOf(after) };
      return sublevel.values({ ...from, limit, reverse: newestFirst }).all();
    },
    export: () =>
      inTurn(async () => {
        if (Object.keys(meta.runs).length > 0) await write(meta, () => true);
        const { ownerKeys, receipt } = meta;
        const entries = await sublevel.values().all();
        return { format: 'webizen-ledger-1', ownerKeys, entries, ...(receipt === undefined ? {} : { receipt }) };
      }),
    ownerKeys: () => meta.ownerKeys,
    appendKey: (jwk, type, signer) =>
      inTurn(async () => {
        if (meta.ownerKeys.some(({ kid }) => kid === jwk.kid)) return;
        const next = { ...meta, ownerKeys: [...meta.ownerKeys, jwk] };
        await write(next, () => true, [{ by: 'owner', type, facts: { kid: jwk.kid } }], signer);
      }),
    keepReceipt: (receipt) =>
      inTurn(async () => {
        await write({ ...meta, receipt }, () => false);
      }),
    onAppend(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
