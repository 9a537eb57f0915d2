/**
 * A name becomes addresses on the box, and every one of them is looked at before any is used. What is connected to is
 * an address that was looked at, so an answer that changes in between (rebinding) changes nothing.
 */
import { isIP } from 'node:net';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { isPublic, isWithin, plainAddress } from './addresses.js';
import type { Target } from './target.js';

/** All addresses of a name, of both families; rejects when there are none. */
export type Resolver = (host: string) => Promise<string[]>;

/** A name with a port, where it has one: without, all its ports. */
export interface Barred {
  host: string;
  port?: number;
}

/** As `URL` writes an IPv6 address, it stands in brackets. */
const bare = (host: string): string => host.toLowerCase().replace(/^\[(.*)\]$/, '$1');

/** An app is no way to make the box a dialler of long lists. */
const mostAddresses = 8;
/** What the provider's names mean changes seldom. */
const barredMilliseconds = 60_000;

export function createChecker({
  resolve,
  ownNetworks,
  barred,
  allow,
  clock,
}: {
  resolve: Resolver;
  ownNetworks: () => readonly string[];
  barred: () => readonly Barred[];
  allow: ((address: string, port: number) => boolean) | undefined;
  clock: Clock;
}): (target: Target) => Promise<string[]> {
  const known = new Map<string, { at: number; addresses: Promise<string[]> }>();

  function addressesOfBarred(host: string): Promise<string[]> {
    if (isIP(host) !== 0) return Promise.resolve([host]); // name servers know no addresses by that name
    const entry = known.get(host);
    if (entry && Math.abs(clock.now() - entry.at) < barredMilliseconds) return entry.addresses;
    const addresses = resolve(host).catch(() => []);
    known.set(host, { at: clock.now(), addresses });
    return addresses;
  }

  async function isBarred(target: Target, addresses: readonly string[]): Promise<boolean> {
    const list = barred().map(({ host, ...where }) => ({ ...where, host: bare(host) }));
    if (list.some(({ host }) => host === target.host)) return true;
    const near = list.filter(({ port }) => port === undefined || port === target.port);
    const theirs = (await Promise.all(near.map(({ host }) => addressesOfBarred(host)))).flat();
    const plain = new Set(addresses.map(plainAddress));
    return theirs.some((address) => plain.has(plainAddress(address)));
  }

  /** @throws Refusal `egress-unresolved`, `egress-private`, `egress-barred` */
  return async (target) => {
    const found = await resolve(target.host).catch((error: unknown) => {
      throw new Refusal('egress-unresolved', target.host, { cause: error });
    });
    if (found.length === 0) throw new Refusal('egress-unresolved', target.host);
    const own = ownNetworks();
    for (const address of found) {
      if (allow?.(address, target.port)) continue;
      if (!isPublic(address) || isWithin(plainAddress(address), own)) throw new Refusal('egress-private', target.host);
    }
    if (await isBarred(target, found)) throw new Refusal('egress-barred', target.host);
    return found.slice(0, mostAddresses);
  };
}
