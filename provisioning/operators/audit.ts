/**
 * What operators did: append-only and hash-chained. An act stands on the disk before it happens, and its outcome before
 * it is answered; so whatever took effect is in the log, wherever the power is cut.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { LedgerEntry, LedgerHead } from '#contract/ledger.js';
import { entryFault, entryText, hashOfText } from '#contract/ledger-chain.js';
import { outcomeType } from '#contract/operators.js';
import type { ProblemCode } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { flatFacts } from './facts.js';

export type Facts = LedgerEntry['facts'];

export interface Act {
  /** Such as `box.revoke`. */
  act: string;
  who: string;
  role: string;
  via: 'console' | 'api' | 'command';
  /** On what, and with what words: parameters and bodies as they came. */
  facts: readonly unknown[];
}

export type OutcomeCode = ProblemCode | 'ok' | 'interrupted';

export interface Audit {
  /** Resolves with the act's index once it is on the disk: only then may it happen. @throws Refusal `disk-full` */
  begin(act: Act): Promise<number>;
  /** Resolves when it is on the disk. */
  end(index: number, code: OutcomeCode, facts?: Facts): Promise<void>;
  /**
   * An act that never began, or alters nothing that must not be altered unseen. Of one kind 30 a minute are written, and
   * the next one after that says how many were not, as `unwritten`.
   */
  note(act: Act, code: OutcomeCode): Promise<void>;
  /** Newest first, from below the index named. */
  page(page: { before?: number | undefined; limit: number }): Promise<LedgerEntry[]>;
  /** Oldest first, from the index named. */
  from(page: { index: number; limit: number }): Promise<LedgerEntry[]>;
  head(): LedgerHead | null;
}

const inBatch = 500;
/** Of what alters nothing so many of one kind a caller and minute: a reader cannot fill the disk with what is refused. */
const notesInMinute = 30;
const mostNoted = 1000;
const minute = 60_000;
const keyOf = (index: number): string => String(index).padStart(16, '0');

interface Draft {
  type: string;
  facts: Facts;
  /** It waits for its outcome. */
  opens?: boolean;
  /** It is the outcome of that one. */
  closes?: number;
}

/** Undefined when the entry follows the one before it and says what it said when it was written; else why not. */
export function linkFault(before: LedgerEntry | undefined, entry: LedgerEntry): string | undefined {
  if (entry.index !== (before ? before.index + 1 : 0)) return `it says that it is entry ${entry.index}`;
  if (before && entry.ledger !== before.ledger) return 'it is of another ledger';
  if (entry.previous !== (before?.hash ?? null)) return 'it does not follow the entry before it';
  return entryFault(entry, new Map());
}

const factsOf = ({ who, role, via, facts }: Act): Facts => ({ ...flatFacts(...facts), who, role, via });

export async function openAudit({ store, clock }: { store: Store; clock: Pick<Clock, 'now'> }): Promise<Audit> {
  let last: LedgerEntry | undefined = (await store.audit.values({ reverse: true, limit: 1 }).all())[0];
  let waiting: { draft: Draft; resolve: (index: number) => void; reject: (error: unknown) => void }[] = [];
  let isRunning = false;

  function chained(before: LedgerEntry | undefined, { type, facts }: Draft): LedgerEntry {
    const plain = {
      index: before ? before.index + 1 : 0,
      ledger: before?.ledger ?? randomBytes(16).toString('hex'),
      at: clock.now(),
      by: 'provider' as const,
      type,
      facts,
      previous: before?.hash ?? null,
    };
    return { ...plain, hash: hashOfText(entryText(plain)) };
  }

  /** What waits is chained and committed together; what could not be written is no part of the chain. */
  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting.slice(0, inBatch);
      waiting = waiting.slice(inBatch);
      let end = last;
      const indexes: number[] = [];
      const operations: Operation[] = [];
      try {
        for (const { draft } of group) {
          end = chained(end, draft);
          indexes.push(end.index);
          operations.push({ type: 'put', sublevel: store.audit, key: keyOf(end.index), value: end });
          if (draft.opens)
            operations.push({ type: 'put', sublevel: store.auditOpen, key: keyOf(end.index), value: true });
          if (draft.closes !== undefined)
            operations.push({ type: 'del', sublevel: store.auditOpen, key: keyOf(draft.closes) });
        }
        await store.commit(operations);
        last = end;
        for (const [at, { resolve }] of group.entries()) resolve(indexes[at]!);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    isRunning = false;
  }

  const append = (draft: Draft): Promise<number> =>
    new Promise((resolve, reject) => {
      waiting.push({ draft, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      void run(); // tells each of those who wait, and never rejects itself
    });

  const outcome = (of: number, code: OutcomeCode, facts: Facts): Draft => ({
    type: outcomeType,
    facts: { ...facts, of, code },
    closes: of,
  });

  const noted = new Map<string, { since: number; count: number }>();
  /** How many before this one were not written; undefined when neither is this. */
  function mayNote({ who, act }: Act, code: OutcomeCode): number | undefined {
    const now = clock.now();
    const key = `${who} ${act} ${code}`;
    const found = noted.get(key);
    if (found && Math.abs(now - found.since) < minute) {
      found.count += 1;
      return found.count > notesInMinute ? undefined : 0;
    }
    if (noted.size >= mostNoted) noted.delete(noted.keys().next().value ?? '');
    noted.set(key, { since: now, count: 1 });
    return Math.max(0, (found?.count ?? 0) - notesInMinute);
  }

  // Left open when the program ended: whether they took effect is for whoever reads it to look up.
  const open = await store.auditOpen.keys().all();
  for (const key of open) await append(outcome(Number(key), 'interrupted', {}));

  return {
    begin: (act) => append({ type: act.act, facts: factsOf(act), opens: true }),
    end: async (index, code, facts = {}) => void (await append(outcome(index, code, facts))),
    async note(act, code) {
      const unwritten = mayNote(act, code);
      if (unwritten === undefined) return;
      await append({ type: act.act, facts: { ...factsOf(act), code, ...(unwritten > 0 && { unwritten }) } });
    },
    page: ({ before, limit }) =>
      store.audit.values({ reverse: true, limit, ...(before !== undefined && { lt: keyOf(before) }) }).all(),
    from: ({ index, limit }) => store.audit.values({ gte: keyOf(index), limit }).all(),
    head: () => (last ? { ledger: last.ledger, length: last.index + 1, hash: last.hash } : null),
  };
}
