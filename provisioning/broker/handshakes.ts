/**
 * Handshakes, a few in each turn of the loop. A full one costs a millisecond of CPU before it is known who asks, and what
 * the connected boxes say is read between them. Who waits is taken in turns by source (an IPv4 address, an IPv6 /64), so
 * that nobody's flood is in front of another's.
 *
 * A source that wastes handshakes (they fail, or end with a refusal) gets so many a second until it has stopped for a
 * while; never none, since two thousand boxes may stand behind the same address. What has waited longer than its box does
 * is let go, and what does not end makes room when others wait.
 */
import type { Socket } from 'node:net';
import { sourceOf } from '#common/source.js';

export interface HandshakeCounts {
  waiting: number;
  underWay: number;
  /** Sources that are slowed now. */
  slowed: number;
  done: number;
  wasted: number;
  /** Let go before their turn. */
  dropped: number;
}

export interface Handshakes {
  /** A connection of which nothing has been read. */
  came(socket: Socket): void;
  /** The peer there has shown its certificate. */
  done(address: string | undefined, port: number | undefined): void;
  /** It was for nothing. */
  wasted(address: string | undefined): void;
  counts(): HandshakeCounts;
  /** To be called once a second. */
  tick(): void;
  stop(): void;
}

interface Source {
  waiting: { socket: Socket; ticks: number }[];
  underWay: number;
  /** Wasted ones, less one each second. */
  debt: number;
  /** Of a slowed one: how many may begin before the next tick. */
  left: number;
}

const mostInTurn = 4;
const mostWaiting = 16_384;
const mostWaitingOfOne = 4096;
const mostUnderWay = 4096;
const mostUnderWayOfOne = 512;
/** A box gives up after twenty. */
const patienceTicks = 15;
/** For a handshake when others wait for its place. */
const shortTicks = 5;
const slowedFrom = 20;
const mostDebt = 80;

/** @param slowedPerSecond what a source that wastes handshakes gets; ten seconds' worth of it may wait */
export function createHandshakes({
  begin,
  slowedPerSecond,
}: {
  begin: (socket: Socket) => void;
  slowedPerSecond: number;
}): Handshakes {
  /** In turns: who was served last stands last. */
  const sources = new Map<string, Source>();
  const underWay = new Map<string, { socket: Socket; source: string; ticks: number }>();
  const totals = { done: 0, wasted: 0, dropped: 0 };
  let waiting = 0;
  let scheduled: NodeJS.Immediate | undefined;

  function sourceAt(name: string): Source {
    const known = sources.get(name);
    if (known) return known;
    const made: Source = { waiting: [], underWay: 0, debt: 0, left: slowedPerSecond };
    sources.set(name, made);
    return made;
  }

  const isSlowed = ({ debt }: Source): boolean => debt >= slowedFrom;
  const mayBegin = (source: Source): boolean =>
    source.waiting.length > 0 && source.underWay < mostUnderWayOfOne && (!isSlowed(source) || source.left > 0);

  function forget(name: string, source: Source): void {
    if (source.waiting.length === 0 && source.underWay === 0 && source.debt === 0) sources.delete(name);
  }

  function ended(key: string): boolean {
    const one = underWay.get(key);
    if (!one || !underWay.delete(key)) return false;
    const source = sourceAt(one.source);
    source.underWay -= 1;
    forget(one.source, source);
    schedule();
    return true;
  }

  function waste(name: string): void {
    const source = sourceAt(name);
    source.debt = Math.min(mostDebt, source.debt + 1);
    totals.wasted += 1;
  }

  function start(name: string, source: Source): void {
    const { socket } = source.waiting.shift()!;
    waiting -= 1;
    const { remoteAddress, remotePort } = socket;
    if (socket.destroyed || remoteAddress === undefined) return;
    const key = `${remoteAddress} ${remotePort}`;
    source.underWay += 1;
    source.left -= 1;
    underWay.set(key, { socket, source: name, ticks: 0 });
    socket.once('close', () => {
      if (ended(key)) waste(name);
    });
    begin(socket);
  }

  function turn(): void {
    scheduled = undefined;
    let begun = 0;
    for (const [name, source] of sources) {
      if (begun >= mostInTurn || underWay.size >= mostUnderWay) break;
      if (!mayBegin(source)) continue;
      sources.delete(name);
      sources.set(name, source); // the loop comes by again while there is room in this turn
      start(name, source);
      forget(name, source);
      begun += 1;
    }
    if (begun > 0) schedule();
  }

  function schedule(): void {
    if (waiting > 0) scheduled ??= setImmediate(turn);
  }

  function drop(socket: Socket): void {
    totals.dropped += 1;
    socket.destroy();
  }

  /** Unfinished ones make room when others wait. */
  function makeRoom(): void {
    const isFull = underWay.size >= mostUnderWay;
    const full = new Set<string>();
    for (const [name, source] of sources)
      if (source.waiting.length > 0 && (isFull || source.underWay >= mostUnderWayOfOne)) full.add(name);
    for (const one of underWay.values()) {
      one.ticks += 1;
      if (one.ticks >= shortTicks && (isFull || full.has(one.source))) one.socket.destroy();
    }
  }

  return {
    came(socket) {
      socket.on('error', () => {}); // it closes
      const { remoteAddress } = socket;
      if (remoteAddress === undefined) return void socket.destroy();
      const name = sourceOf(remoteAddress);
      const source = sourceAt(name);
      const most = isSlowed(source) ? slowedPerSecond * 10 : mostWaitingOfOne;
      if (source.waiting.length >= most || waiting >= mostWaiting) return drop(socket);
      source.waiting.push({ socket, ticks: 0 });
      waiting += 1;
      schedule();
    },
    done(address, port) {
      if (ended(`${address} ${port}`)) totals.done += 1;
    },
    wasted(address) {
      if (address !== undefined) waste(sourceOf(address));
    },
    counts: () => ({
      ...{ waiting, underWay: underWay.size, ...totals },
      slowed: [...sources.values()].filter(isSlowed).length,
    }),
    tick() {
      makeRoom();
      for (const [name, source] of sources) {
        source.debt = Math.max(0, source.debt - 1);
        source.left = slowedPerSecond;
        const kept = source.waiting.filter((one) => {
          one.ticks += 1;
          if (one.ticks < patienceTicks && !one.socket.destroyed) return true;
          waiting -= 1;
          drop(one.socket);
          return false;
        });
        source.waiting = kept;
        forget(name, source);
      }
      schedule();
    },
    stop() {
      if (scheduled) clearImmediate(scheduled);
      for (const source of sources.values()) for (const { socket } of source.waiting) socket.destroy();
      for (const { socket } of underWay.values()) socket.destroy();
      sources.clear();
      waiting = 0;
    },
  };
}
