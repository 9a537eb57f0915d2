/**
 * Takes what boxes say into the store, and only then lets it be acknowledged.
 *
 * Messages that wait while the disk is busy are taken together: one synced batch, one acknowledgement a box. While the
 * store fails nothing is acknowledged and nothing is dropped: the messages wait, and with them their boxes.
 */
import type { Clock } from '#common/clock.js';
import { isDiskFull } from '#common/database.js';
import type { LedgerHead } from '#contract/ledger.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { buildTopic, shardOf, type Topic } from '#contract/topics.js';
import { Conflict, type Fence, type FleetStore } from '../store/fleet.js';
import type { LifeRecord } from '../store/lives.js';
import { costOf, createBudget } from './budget.js';
import type { RoundEvents } from './events.js';
import { allGaps, emptyLife, gapsOf } from './life.js';
import { createLives } from './lives.js';
import { describeLost, lostOf } from './lost.js';
import { createPresence } from './presence.js';
import { createQuota } from './quota.js';
import { read, type Said } from './read.js';
import { acksOf, createTaker, newRound, type Round } from './round.js';

export interface Ingest {
  /** Resolves when the message is on the disk. Rejects only when it will not be taken any more: at `stop`. */
  receive(message: { box: string; topic: Topic; payload: Buffer }): Promise<void>;
  /** The box has no session any more: it is offline, whatever its will says later. */
  left(box: string): void;
  online(box: string): boolean;
  /** Of shards that this process has gained or lost: what the store holds of their boxes is what counts. */
  forget(which: (box: string) => boolean): void;
  /** Boxes online, and what was taken since the start, for `/metrics`. */
  counts(): { online: number; rounds: number; messages: number; samples: number; duplicates: number };
  /** Finishes what waits, if the store lets it. */
  stop(): Promise<void>;
}

export interface IngestParts {
  fleet: FleetStore;
  events: RoundEvents;
  clock: Clock;
  publish: (topic: string, payload: string) => void;
  /** Why nothing is taken in this box's name, whatever the broker let through. */
  refusal?: (box: string) => ProblemCode | undefined | Promise<ProblemCode | undefined>;
  /** Proof that this process may write of the box now; undefined where it may not. Missing: it owns them all. */
  fenceOf?: (box: string) => Fence | undefined;
  /** Another worker owns these now: nothing more is written of them with these tokens. */
  onShardLost?: (lost: readonly Fence[]) => void;
  /** The head of a box's ledger is on the disk. */
  onHead?: (box: string, head: LedgerHead) => void;
  log: { error(details: object, text: string): void };
}

interface Waiting {
  box: string;
  said: Said | { kind: 'left' };
  resolve: () => void;
  reject: (error: unknown) => void;
}

const mostInRound = 4000;
const turnsBeforeRound = 3;
const retryMilliseconds = 1000;
const gapQuietMilliseconds = 60_000;

const mostLost = 10_000;
/** In a row; more are no coincidence, and waited for like any other fault. */
const mostConflicts = 5;

const nameOf = ({ shard, token }: Fence): string => `${shard} ${token}`;
const sizeOf = ({ said }: Waiting): number => (said.kind === 'health' ? said.value.samples.length + 1 : 1);
const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

export function createIngest(parts: IngestParts): Ingest {
  const { fleet, events, clock, publish, refusal, fenceOf, onShardLost = () => {}, onHead = () => {}, log } = parts;
  const lives = createLives(fleet);
  const lost = new Set<string>();
  const stopping = new AbortController();
  const quota = createQuota({ clock, burst: 100, perMinute: 20 });
  const budget = createBudget({ clock });
  const presence = createPresence({ events, quota });
  const taker = createTaker({ events, quota, presence, clock, onHead });
  const gapsTold = new Map<string, number>();
  const totals = { rounds: 0, messages: 0, samples: 0, duplicates: 0 };
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let failing = false;
  let conflicts = 0;

  function tellGap(box: string, before: number, after: number, why: string): void {
    const now = clock.now();
    if (now < (gapsTold.get(box) ?? 0) + gapQuietMilliseconds) return;
    if (gapsTold.size > 10_000) gapsTold.clear();
    gapsTold.set(box, now);
    events.record({ type: 'gap', box, text: `${plural(after - before, 'sample')} missing${why}, ${after} in all` });
  }

  /** Stores what the group says. Answers what is to be told once that is done. */
  async function takeAll(group: readonly Waiting[], fences: readonly Fence[]): Promise<() => void> {
    const known = await lives.load(group.filter(({ said }) => said.kind !== 'left').map(({ box }) => box));
    const round = newRound();
    // By this clock: the box's own may be absurd.
    const now = clock.now();
    const fresh = new Map<string, number>();
    for (const { box, said } of group) {
      if (said.kind === 'left') {
        round.after.push(() => presence.left(box));
        round.online.set(box, false);
        continue;
      }
      const before = round.samples.length;
      const life = round.lives.get(box) ?? known.get(box) ?? emptyLife();
      const next = taker.take(round, box, said, life);
      if (next !== life || !round.still.has(box)) round.lives.set(box, next);
      const came = round.samples.length - before;
      if (came > 0) fresh.set(box, (fresh.get(box) ?? 0) + came);
    }
    for (const [box, life] of round.lives)
      round.lives.set(box, { ...life, lastSeen: now, gaps: allGaps(life), version: (life.version ?? 0) + 1 });

    await fleet.commit({ ...round, fences });

    totals.rounds += 1;
    totals.messages += group.length;
    totals.samples += round.samples.length;
    totals.duplicates += round.duplicates;
    lives.keep(round.lives);
    return () => tellRound(round, known, fresh);
  }

  function tellRound(round: Round, known: ReadonlyMap<string, LifeRecord>, fresh: ReadonlyMap<string, number>): void {
    for (const act of round.after) act();
    for (const [box, count] of fresh) events.announce({ type: 'health', box, text: plural(count, 'sample') });
    for (const [box, epochs] of round.epochs) {
      const [before, after] = [known.get(box), round.lives.get(box)].map((life) =>
        life ? [...epochs].reduce((sum, epoch) => sum + gapsOf(life, epoch), 0) : 0,
      );
      if (after! > before!)
        tellGap(box, before!, after!, describeLost(lostOf(known.get(box)), lostOf(round.lives.get(box))));
    }
    for (const { box, ack } of acksOf(round))
      publish(buildTopic({ box, direction: 'down', kind: 'ack' }), JSON.stringify(ack));
  }

  /** Those that may be written now, with the proof of it. The others are another worker's: their boxes send them again. */
  function ours(group: readonly Waiting[]): { mine: Waiting[]; fences: Fence[] } {
    if (!fenceOf) return { mine: [...group], fences: [] };
    const fences = new Map<string, Fence>();
    const mine = group.filter((entry) => {
      const fence = fenceOf(entry.box);
      if (fence && !lost.has(nameOf(fence))) return fences.set(fence.shard, fence);
      entry.reject(new Refusal('shard-lost', shardOf(entry.box)));
      return false;
    });
    return { mine, fences: [...fences.values()] };
  }

  function lose(fences: readonly Fence[], error: Refusal): void {
    const shards = new Set(error.detail?.split(', '));
    const gone = fences.filter(({ shard }) => shards.has(shard));
    if (lost.size > mostLost) lost.clear();
    for (const fence of gone) lost.add(nameOf(fence));
    onShardLost(gone);
  }

  /** Whether to try again. What it throws is thought of as the store's fault, which passes. */
  async function failed(error: unknown, fences: readonly Fence[]): Promise<boolean> {
    lives.forget();
    if (error instanceof Conflict && conflicts++ < mostConflicts) return true;
    if (error instanceof Refusal && error.code === 'shard-lost') {
      lose(fences, error);
      return true;
    }
    if (!failing) {
      log.error({ err: error }, 'cannot store what boxes report; they wait');
      const code = isDiskFull(error) ? 'disk-full' : error instanceof Refusal ? error.code : 'internal';
      events.refused(code, { detail: 'what boxes report cannot be stored; they keep it and wait' });
    }
    failing = true;
    if (!stopping.signal.aborted) await clock.sleep(retryMilliseconds, stopping.signal);
    return !stopping.signal.aborted;
  }

  /** Takes until the store takes it, or until `stop`. */
  async function insist(group: readonly Waiting[]): Promise<void> {
    let tell: () => void;
    let { mine, fences } = ours(group);
    for (;;) {
      try {
        tell = await takeAll(mine, fences);
        if (failing) events.record({ type: 'store', text: 'the store can be written again' });
        failing = false;
        conflicts = 0;
        break;
      } catch (error) {
        if (await failed(error, fences)) {
          ({ mine, fences } = ours(mine));
          continue;
        }
        for (const { reject } of mine) reject(new Refusal('unavailable', undefined, { cause: error }));
        return;
      }
    }
    try {
      tell();
    } catch (error) {
      log.error({ err: error }, 'cannot tell what was stored'); // a listener's fault is no reason to store it again
    }
    for (const { resolve } of mine) resolve();
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // The broker reads on from a box some turns of the loop after its last message is done. Those turns make this
      // round twice as large, and a round costs a flush of the disk whatever its size.
      for (let turn = 0; turn < turnsBeforeRound; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      let count = 0;
      let size = 0;
      while (count < waiting.length && size < mostInRound) size += sizeOf(waiting[count++]!);
      const group = waiting.slice(0, count);
      waiting = waiting.slice(count);
      await insist(group);
    }
    running = undefined;
  }

  function enqueue(entry: Waiting): void {
    waiting.push(entry);
    running ??= run();
  }

  /** Taken from the broker, which would only send it again, and dropped without an answer. */
  function drop(code: ProblemCode, box: string, what: string): Promise<void> {
    events.refused(code, { box, detail: `${box}: ${what} is dropped` });
    return Promise.resolve();
  }

  function take({ box, topic, payload }: Parameters<Ingest['receive']>[0], code?: ProblemCode): Promise<void> {
    if (code) return drop(code, box, 'what it says');
    // A birth is short, and who is over its budget is here all the same.
    if (!budget.has(box) && (topic.kind !== 'status' || payload.length > 4096))
      return drop('box-over-budget', box, `a message of ${payload.length} bytes`);
    // Read now, while the round before is on its way to the disk.
    const said = read(topic, payload);
    budget.spend(box, costOf(said, payload.length));
    return new Promise((resolve, reject) => enqueue({ box, said, resolve, reject }));
  }

  return {
    receive(message) {
      const judged = refusal?.(message.box);
      // Boxes that are known are judged at once; who waits for the same answer goes on in the order of coming.
      return judged instanceof Promise ? judged.then((code) => take(message, code)) : take(message, judged);
    },
    left(box) {
      presence.left(box);
      // Again in its turn: a birth that still waits is of the session that has just ended.
      enqueue({ box, said: { kind: 'left' }, resolve: () => {}, reject: () => {} });
    },
    online: (box) => presence.online(box),
    forget: lives.forget,
    counts: () => ({ online: presence.count(), ...totals }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
