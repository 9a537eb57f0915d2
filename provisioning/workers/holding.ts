/**
 * One worker's hold on its shards. It renews its lease, takes what the division gives it, gives back what it has too
 * much of once nothing of it is under way, and lets go of everything by itself when its lease is over by its own count:
 * from the moment that it asked for it, which is earlier than the database's.
 *
 * Letting go only ends the listening early: that nothing is stored twice is held by the tokens.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Leases } from './leases.js';
import { plan } from './plan.js';

export interface Holding {
  /** Renews again and again. */
  start(): void;
  /** Once, now. */
  renew(): Promise<void>;
  /** Gives everything back. Resolves when it is done, or when that is taking longer than the lease. */
  stop(): Promise<void>;
  /** Undefined for a shard that is not held, or not surely held any more. */
  tokenOf(shard: string): number | undefined;
  /** Those that it holds, in order. */
  shards(): string[];
  /** The store has refused them: another worker owns them. */
  lost(shards: readonly string[]): void;
  /** The living, as they were seen last, and how often shards were taken, given back and lost since the start. */
  counts(): { workers: number; taken: number; givenBack: number; lost: number };
}

export interface HoldingParts {
  leases: Leases;
  /** That of the certificate: two processes of one name would throw each other off the broker. */
  name: string;
  /** How long a worker that is silent still counts as living. */
  leaseMilliseconds?: number;
  renewMilliseconds?: number;
  /** Whether it hears its boxes: one that does not leaves them to others, and comes again when it does. */
  isAble?: () => boolean;
  /** Called before anything of them comes: what was known of their boxes may be old. */
  onTaken: (shards: readonly string[]) => void;
  /** What is held has changed: the broker is to be told. */
  onChange: () => void;
  /** Resolves when all that came before is stored, or will not be. */
  settled: () => Promise<void>;
  /** Workers that had ended, and whose shards are free. */
  onBuried: (names: readonly string[]) => void;
  /** Another process goes by its name now, and it has stopped trying. */
  onReplaced: () => void;
  clock: Pick<Clock, 'sleep'>;
  /** Milliseconds of a clock that nobody sets. */
  elapsed?: () => number;
  log: { warn(details: object, text: string): void };
}

class Replaced extends Error {}

const usualLease = 5000;
const usualRenewal = 1500;

export function createHolding({
  leases,
  name,
  leaseMilliseconds = usualLease,
  renewMilliseconds = usualRenewal,
  isAble = () => true,
  onTaken,
  onChange,
  settled,
  onBuried,
  onReplaced,
  clock,
  elapsed = () => performance.now(),
  log,
}: HoldingParts): Holding {
  const stopping = new AbortController();
  const held = new Map<string, number>();
  const totals = { taken: 0, givenBack: 0, lost: 0 };
  let id: string | undefined;
  let until = Number.NEGATIVE_INFINITY;
  let workers = 0;
  let running: Promise<void> | undefined;
  let failing = false;
  let enlisted = false;

  /** Nothing of them is taken any more, from this moment on. */
  function letGo(shards: readonly string[]): void {
    let some = false;
    for (const shard of shards) some = held.delete(shard) || some;
    if (some) onChange();
  }

  function hold(shards: ReadonlyMap<string, number>): void {
    if (shards.size === 0) return;
    onTaken([...shards.keys()]);
    for (const [shard, token] of shards) held.set(shard, token);
    totals.taken += shards.size;
    onChange();
  }

  function lost(shards: readonly string[]): void {
    totals.lost += shards.filter((shard) => held.has(shard)).length;
    letGo(shards);
  }

  /** Answers who it is now. */
  async function live(): Promise<string> {
    const asked = elapsed();
    if (id === undefined || !(await leases.renew(id, leaseMilliseconds))) {
      lost([...held.keys()]);
      // Who comes takes the place of a namesake, which was killed or forgotten; who had a place does not fight for it.
      const displace = !enlisted;
      const me = randomUUID();
      if (await leases.enlist({ id: me, name, leaseMilliseconds, displace })) id = me;
      else if (displace) throw new Error(`two workers begin as ${name}`);
      else throw new Replaced();
      enlisted = true;
    }
    until = asked + leaseMilliseconds;
    return id;
  }

  async function giveBack(me: string, shards: readonly string[]): Promise<void> {
    letGo(shards);
    const waited = new AbortController();
    const late = clock.sleep(renewMilliseconds, waited.signal).then(() => 'late');
    // The lease must go on meanwhile: what is not settled in time is given back with a later renewal.
    const first = await Promise.race([settled(), late]);
    waited.abort();
    if (first === 'late') return;
    await leases.giveBack(me, shards);
    totals.givenBack += shards.length;
  }

  async function leave(): Promise<void> {
    lost([...held.keys()]);
    workers = 0;
    const me = id;
    if (me === undefined) return;
    await leases.dismiss(me);
    id = undefined;
  }

  async function renew(): Promise<void> {
    if (!isAble()) return leave();
    const me = await live();
    const buried = await leases.bury();
    if (buried.length > 0) onBuried(buried);
    const { workers: living, shards } = await leases.read();
    workers = living.size;
    lost([...held].flatMap(([shard, token]) => (isOwned(shards.get(shard), me, token) ? [] : [shard])));

    const wanted = plan(new Map([...shards].map(([shard, { owner }]) => [shard, owner])), [...living.keys()]);
    const isMine = (shard: string) => wanted.get(shard) === me;
    const surplus = [...shards].flatMap(([shard, { owner }]) => (owner === me && !isMine(shard) ? [shard] : []));
    if (surplus.length > 0) await giveBack(me, surplus);
    // Taken before, though the answer was lost; or let go of while the database could not be asked.
    const again = [...shards].filter(([shard, { owner }]) => owner === me && isMine(shard) && !held.has(shard));
    hold(new Map(again.map(([shard, { token }]) => [shard, token])));
    const free = [...wanted.keys()].filter((shard) => isMine(shard) && !shards.has(shard));
    if (free.length > 0) hold(await leases.take(me, free));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const next = elapsed() + renewMilliseconds;
      try {
        await renew();
        failing = false;
      } catch (error) {
        if (error instanceof Replaced) return onReplaced();
        if (!failing) log.warn({ err: error }, 'cannot renew the lease on the shards');
        failing = true;
      }
      await clock.sleep(Math.max(failing ? renewMilliseconds / 5 : 1, next - elapsed()), stopping.signal);
    }
  }

  /** A renewal that hangs must not keep what the lease no longer covers. */
  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      const left = until - elapsed();
      if (left <= 0 && held.size > 0) lost([...held.keys()]);
      await clock.sleep(left > 0 ? left : renewMilliseconds, stopping.signal);
    }
  }

  return {
    renew,
    start() {
      running ??= Promise.all([run(), watch()]).then(() => {});
    },
    async stop() {
      if (stopping.signal.aborted) return running;
      stopping.abort();
      await running;
      letGo([...held.keys()]);
      const me = id;
      if (me === undefined) return;
      const waited = new AbortController();
      const inOrder = async () => {
        await settled();
        await leases.dismiss(me);
      };
      await Promise.race([inOrder().catch(() => {}), clock.sleep(leaseMilliseconds, waited.signal)]);
      waited.abort();
    },
    tokenOf: (shard) => (elapsed() < until ? held.get(shard) : undefined),
    shards: () => [...held.keys()].sort(),
    lost,
    counts: () => ({ workers, ...totals }),
  };
}

const isOwned = (row: { owner: string; token: number } | undefined, me: string, token: number): boolean =>
  row?.owner === me && row.token === token;
