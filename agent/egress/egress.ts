/**
 * Apps reach servers outside by CONNECT on their own socket, by host name and only where the owner said yes.
 *
 * Invariants: the grant is looked up before a name is resolved (a name that may not be reached is not even asked for),
 * and again before bytes flow; what is connected to is an address that was checked; a grant that is taken back, an app
 * that is closed and an idle peer each end the tunnel.
 */
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '#common/clock.js';
import { refuseSocket } from '#common/http-problems.js';
import { type Capability, coversEgress, egressTo } from '#contract/capabilities.js';
import { Refusal } from '#contract/problems.js';
import { type Barred, createChecker, type Resolver } from './resolve.js';
import { type Target, targetOf } from './target.js';
import { splice } from './tunnel.js';

/** Who asks, with what holds for it at each moment. */
export interface EgressApp {
  id: string;
  grants(): readonly Capability[];
  begin(use: { holds(): boolean; lasting: true; cut(): void }): () => void;
}

export type Dial = (address: string, port: number) => Socket;

export interface EgressCounters {
  open: number;
  opened: number;
  refused: number;
  sentBytes: number;
  receivedBytes: number;
}

export interface Egress {
  /** Takes the socket over: it becomes a tunnel, or carries one refusal and is closed. */
  open(wish: {
    caller: EgressApp;
    request: Pick<IncomingMessage, 'url' | 'headers'>;
    socket: Duplex;
    head: Buffer;
  }): void;
  /** Since the agent started. */
  counters(app: string): EgressCounters;
  /** Ends every tunnel. */
  stop(): void;
}

export interface EgressLimits {
  tunnelsOfApp: number;
  tunnels: number;
  connectMilliseconds: number;
  idleMilliseconds: number;
  /** A refused peer gets this long to read why. */
  lingerMilliseconds: number;
}

export const defaultLimits: EgressLimits = {
  tunnelsOfApp: 32,
  tunnels: 256,
  connectMilliseconds: 10_000,
  idleMilliseconds: 300_000,
  lingerMilliseconds: 1000,
};

const established = 'HTTP/1.1 200 Connection Established\r\n\r\n';

/** Rejects when the signal aborts. */
function gone(signal: AbortSignal): Promise<never> {
  const left = new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new Refusal('unavailable')), { once: true }),
  );
  left.catch(() => {}); // nobody may wait any more
  return left;
}

export function createEgress({
  resolve,
  ownNetworks,
  barred = () => [],
  allow,
  dialTo = (address, port) => connect({ host: address, port, allowHalfOpen: true }),
  clock,
  limits = {},
}: {
  resolve: Resolver;
  /** The box's own addresses with the networks that they stand in, CIDR: what is at home has public addresses too. */
  ownNetworks: () => readonly string[];
  /** The provider's servers. */
  barred?: () => readonly Barred[];
  /** What is let through although it is not public; nothing where nothing is said. */
  allow?: (address: string, port: number) => boolean;
  /** A connection begun, half-open allowed: what leaves the box goes through here. */
  dialTo?: Dial;
  clock: Clock;
  limits?: Partial<EgressLimits>;
}): Egress {
  const all = { ...defaultLimits, ...limits };
  const checked = createChecker({ resolve, ownNetworks, barred, allow, clock });
  const counters = new Map<string, EgressCounters>();
  const cuts = new Set<() => void>();
  let open = 0;

  function countersOf(app: string): EgressCounters {
    const known = counters.get(app) ?? { open: 0, opened: 0, refused: 0, sentBytes: 0, receivedBytes: 0 };
    counters.set(app, known);
    return known;
  }

  const covers = (caller: EgressApp, { host, port }: Target): boolean =>
    caller.grants().some((granted) => coversEgress(granted, host, port));

  function refuse(caller: EgressApp, socket: Duplex, refusal: Refusal): void {
    countersOf(caller.id).refused += 1;
    if (socket.destroyed) return;
    refuseSocket(refusal, socket);
    const timer = setTimeout(() => socket.destroy(), all.lingerMilliseconds);
    socket.once('close', () => clearTimeout(timer));
    socket.resume();
  }

  function dial(address: string, port: number, signal: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = dialTo(address, port);
      const fail = (error: Error): void => {
        socket.destroy();
        reject(error);
      };
      const aborted = (): void => fail(new Error('the app has gone, or its permission'));
      socket.setTimeout(all.connectMilliseconds, () => fail(new Error('no answer in time')));
      socket.once('error', fail);
      signal.addEventListener('abort', aborted, { once: true });
      socket.once('connect', () => {
        signal.removeEventListener('abort', aborted);
        socket.setTimeout(0);
        socket.removeAllListeners('timeout');
        socket.off('error', fail);
        socket.on('error', () => {});
        resolve(socket);
      });
      if (signal.aborted) aborted();
    });
  }

  /** The first address that takes the connection, in the order in which they were found. @throws Refusal `egress-unreachable` */
  async function dialAny(addresses: readonly string[], target: Target, signal: AbortSignal): Promise<Socket> {
    let cause: unknown;
    for (const address of addresses) {
      if (signal.aborted) break;
      try {
        return await dial(address, target.port, signal);
      } catch (error) {
        cause = error;
      }
    }
    throw new Refusal('egress-unreachable', `${target.host}:${target.port}`, { cause });
  }

  async function tunnel(caller: EgressApp, target: Target, socket: Duplex, head: Buffer): Promise<void> {
    const counted = countersOf(caller.id);
    const leaving = new AbortController();
    let cut = (): void => leaving.abort();
    const cutNow = (): void => cut();
    const end = caller.begin({ holds: () => covers(caller, target), lasting: true, cut: cutNow });
    counted.open += 1;
    open += 1;
    cuts.add(cutNow);
    socket.once('close', cutNow);
    const over = (): void => {
      end();
      counted.open -= 1;
      open -= 1;
      cuts.delete(cutNow);
    };
    try {
      const addresses = await Promise.race([checked(target), gone(leaving.signal)]);
      const outer = await dialAny(addresses, target, leaving.signal);
      if (leaving.signal.aborted) {
        outer.destroy();
        throw new Refusal('unavailable');
      }
      counted.opened += 1;
      socket.write(established);
      const made = splice({
        inner: socket,
        outer,
        head,
        idleMilliseconds: all.idleMilliseconds,
        onEnd({ sent, received }) {
          counted.sentBytes += sent;
          counted.receivedBytes += received;
          over();
        },
      });
      cut = made.cut;
    } catch (error) {
      over();
      if (covers(caller, target)) throw error;
      throw new Refusal('grant-missing', egressTo(target.host, target.port), { cause: error });
    }
  }

  return {
    open({ caller, request, socket, head }) {
      socket.on('error', () => {});
      const attempt = async (): Promise<void> => {
        const target = targetOf(request);
        if (!covers(caller, target)) throw new Refusal('grant-missing', egressTo(target.host, target.port));
        if (open >= all.tunnels || countersOf(caller.id).open >= all.tunnelsOfApp)
          throw new Refusal('egress-too-many', undefined, { headers: { 'retry-after': '1' } });
        await tunnel(caller, target, socket, head);
      };
      attempt().catch((error: unknown) =>
        refuse(caller, socket, error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
      );
    },
    counters: (app) => ({ ...countersOf(app) }),
    stop() {
      for (const cut of [...cuts]) cut();
    },
  };
}
