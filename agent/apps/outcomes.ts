/**
 * What the provider is told of changes of apps: outcome, code, and nothing of the owner's. Only of releases that came
 * from the catalogue; what the owner brought as a file is between owner and box.
 *
 * An outcome is written in the same commit as what it tells of, so that no cut loses or doubles one; it stays until the
 * provider has it. There is room for so many: beyond, the oldest goes and is counted.
 */
import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { version } from '#common/version.js';
import { check } from '#contract/parse.js';
import { isProblemCode, problem } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import { Outcome, type OutcomeKind, type OutcomeWord } from '#contract/rollout.js';
import type { Decision } from '../consent/ledger.js';
import { type Held, type InstalledRecord, releaseOf } from './installed.js';
import { undoneAs } from './plan.js';

const Waiting = Type.Object({ territory: Type.String(), outcome: Outcome });
export type Waiting = Static<typeof Waiting>;

/** The last that was said of an app: it is not said twice. Keyed by its id. */
const Last = Type.Object({
  outcome: Outcome,
  version: Type.String(),
  /** The release that was told to fail though its change was done. */
  late: Type.Union([ReleaseId, Type.Null()]),
});
type Last = Static<typeof Last>;

const Dropped = Type.Object({ count: Type.Integer({ minimum: 0 }) });

/** Part of a commit, and what is to be done once it is on the disk. */
export interface Composed {
  operations: Operation[];
  added(): void;
}

export interface Fact {
  held: Held;
  from: Held | null;
  kind: OutcomeKind;
  outcome: OutcomeWord;
  /** Of the table of problems. */
  code?: string | undefined;
}

export interface LastTold {
  kind: OutcomeKind;
  outcome: OutcomeWord;
  version: string;
  at: number;
  /** The provider has it. */
  sent: boolean;
}

export interface Outcomes {
  /** Of what the box itself decided about an app, to be committed with it. */
  ofDecision(before: InstalledRecord | undefined, decision: Decision): Composed | undefined;
  /** Durable when it resolves. What was said last of the app is not said again. */
  tell(fact: Fact): Promise<void>;
  last(app: string): LastTold | undefined;
  /** The oldest first. */
  waiting(): readonly Waiting[];
  /** That had no room and were not yet told to be lost. */
  dropped(): number;
  /** They are nobody's business any more, and were not told. */
  discard(ids: ReadonlySet<string>): Promise<void>;
  /** The provider has them, or does not want them. */
  settled(ids: ReadonlySet<string>, dropped: number): Promise<void>;
  /** Told of the app of which something is to be told, or has been. Answers the way to end it. */
  onChange(listener: (app: string) => void): () => void;
}

const usualRoom = 200;
const keyOf = (sequence: number): string => String(sequence).padStart(16, '0');

/** Undefined for what is no news to a provider. Pure. */
export function factOf(before: InstalledRecord | undefined, { type, facts = {} }: Decision): Fact | undefined {
  if (!before) return undefined;
  const { current, next } = before;
  const code = typeof facts.code === 'string' ? facts.code : undefined;
  switch (type) {
    case 'app.installed':
    case 'app.updated':
      return next
        ? { held: next.held, from: current, kind: current ? 'update' : 'install', outcome: 'done' }
        : undefined;
    case 'app.rolled-back':
    case 'app.not-installed': {
      // Without a reason nothing had begun.
      if (!next || code === undefined) return undefined;
      const kind = current ? 'update' : 'install';
      return { held: next.held, from: current, kind, outcome: undoneAs(kind, code), code };
    }
    case 'app.removed':
      return current ? { held: current, from: current, kind: 'remove', outcome: 'done' } : undefined;
    default:
      return undefined;
  }
}

export async function openOutcomes({
  store,
  clock,
  room = usualRoom,
}: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  clock: { now(): number };
  room?: number;
}): Promise<Outcomes> {
  const sublevel = store.db.sublevel<string, unknown>('outcomes', { valueEncoding: 'json' });
  const lasts = store.db.sublevel<string, unknown>('outcomes-last', { valueEncoding: 'json' });
  const counters = store.db.sublevel<string, unknown>('outcomes-dropped', { valueEncoding: 'json' });
  const queue = new Map<string, Waiting>();
  const said = new Map<string, Last>();
  const listeners = new Set<(app: string) => void>();
  let sequence = 0;
  for await (const [key, value] of sublevel.iterator()) {
    const read = check(Waiting, value);
    if (read.ok) queue.set(key, read.value);
    sequence = Math.max(sequence, Number(key) || 0);
  }
  for await (const [key, value] of lasts.iterator()) {
    const read = check(Last, value);
    if (read.ok) said.set(key, read.value);
  }
  const counted = check(Dropped, await counters.get('all'));
  let dropped = counted.ok ? counted.value.count : 0;

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  function compose({ held, from, kind, outcome: word, code }: Fact): Composed | undefined {
    if (held.source !== 'catalogue') return undefined;
    const { manifest, territory } = releaseOf(held);
    const outcome: Outcome = {
      id: randomBytes(16).toString('hex'),
      app: manifest.id,
      release: held.release,
      from: from?.source === 'catalogue' ? from.release : null,
      kind,
      outcome: word,
      problem: isProblemCode(code) ? { code, title: problem(code).title } : null,
      at: clock.now(),
      agent: version,
    };
    const before = said.get(manifest.id)?.late ?? null;
    const last: Last = { outcome, version: manifest.version, late: kind === 'run' ? held.release : before };
    sequence += 1;
    const key = keyOf(sequence);
    const value: Waiting = { territory, outcome };
    return {
      operations: [
        { type: 'put', sublevel, key, value },
        kind === 'remove'
          ? { type: 'del', sublevel: lasts, key: manifest.id }
          : { type: 'put', sublevel: lasts, key: manifest.id, value: last },
      ],
      added() {
        queue.set(key, value);
        if (kind === 'remove') said.delete(manifest.id);
        else said.set(manifest.id, last);
        void inTurn(trim).catch(() => {}); // what is over its room now is over it at the next one too
        for (const listener of [...listeners]) listener(manifest.id);
      },
    };
  }

  async function trim(): Promise<void> {
    const over = [...queue.keys()].slice(0, Math.max(0, queue.size - room));
    if (over.length === 0) return;
    const count = dropped + over.length;
    await store.commit([
      ...over.map((key) => ({ type: 'del', sublevel, key }) as const),
      { type: 'put', sublevel: counters, key: 'all', value: { count } },
    ]);
    for (const key of over) queue.delete(key);
    dropped = count;
  }

  /** Whether it would say what was said last. */
  function isSaid({ held, kind, outcome, code }: Fact): boolean {
    const last = said.get(releaseOf(held).manifest.id);
    if (kind === 'run') return last?.late === held.release;
    return (
      last?.outcome.release === held.release &&
      last.outcome.kind === kind &&
      last.outcome.outcome === outcome &&
      (last.outcome.problem?.code ?? undefined) === code
    );
  }

  async function remove(ids: ReadonlySet<string>, more: Operation[], then: () => void): Promise<void> {
    const gone = [...queue].filter(([, { outcome }]) => ids.has(outcome.id));
    await store.commit([...gone.map(([key]) => ({ type: 'del', sublevel, key }) as const), ...more]);
    for (const [key] of gone) queue.delete(key);
    then();
    for (const app of new Set(gone.map(([, { outcome }]) => outcome.app)))
      for (const listener of [...listeners]) listener(app);
  }

  return {
    waiting: () => [...queue.values()],
    dropped: () => dropped,
    ofDecision(before, decision) {
      const fact = factOf(before, decision);
      return fact && compose(fact);
    },
    tell: (fact) =>
      inTurn(async () => {
        const composed = isSaid(fact) ? undefined : compose(fact);
        if (!composed) return;
        await store.commit(composed.operations);
        composed.added();
      }),
    last(app) {
      const last = said.get(app);
      if (!last) return undefined;
      const { id, kind, outcome, at } = last.outcome;
      const waits = [...queue.values()].some((one) => one.outcome.id === id);
      return { kind, outcome, version: last.version, at, sent: !waits };
    },
    discard: (ids) =>
      inTurn(async () => {
        const apps = [...said].filter(([, { outcome }]) => ids.has(outcome.id)).map(([app]) => app);
        const unsaid = apps.map((key): Operation => ({ type: 'del', sublevel: lasts, key }));
        await remove(ids, unsaid, () => {
          for (const app of apps) said.delete(app);
        });
      }),
    settled: (ids, lost) =>
      inTurn(async () => {
        const count = Math.max(0, dropped - lost);
        const put: Operation = { type: 'put', sublevel: counters, key: 'all', value: { count } };
        await remove(ids, lost > 0 ? [put] : [], () => {
          dropped = count;
        });
      }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
