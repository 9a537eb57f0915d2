/**
 * Names by the network's resolver. Not by the system's library: that reads /etc/hosts and asks the local network, and
 * takes threads that the disk needs.
 */
import { Resolver as Dns } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Resolver } from './resolve.js';

export function createResolver({
  servers,
}: {
  /** Instead of the network's. */ servers?: readonly string[];
} = {}): Resolver {
  const dns = new Dns({ timeout: 3000, tries: 2 });
  if (servers) dns.setServers(servers);
  return async (host) => {
    const [four, six] = await Promise.allSettled([dns.resolve4(host), dns.resolve6(host)]);
    const found = [four, six].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length === 0 && four.status === 'rejected') throw four.reason;
    return found;
  };
}

export const ownNetworks = (): string[] =>
  Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).flatMap(({ cidr }) => cidr ?? []));
