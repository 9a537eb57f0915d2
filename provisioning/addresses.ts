/** Where a provider listens, and what its addresses are printed with. */
import { isLoopback } from '#common/web/origin.js';
import { hostsOf } from './ca/server-certificate.js';

export interface Addresses {
  /** Every name of the server. */
  readonly hosts: readonly string[];
  /** What is listened on. */
  readonly bind: string;
  /** 0 for one that is free. */
  readonly ports: { readonly est: number; readonly broker: number; readonly console: number };
  /** The console needs no TLS on loopback. */
  readonly isPlain: boolean;
  /** With the name that the server is known by. */
  urlOf(scheme: string, port: number): string;
}

export function addressesOf({ host, portBase }: { host: string; portBase: number }): Addresses {
  const hosts = hostsOf(host);
  const name = hosts[0]?.includes(':') ? `[${hosts[0]}]` : (hosts[0] ?? host);
  const at = (place: number): number => (portBase === 0 ? 0 : portBase + place);
  return {
    hosts,
    // `localhost` is bound on IPv4, which every machine has; its name stays in the addresses.
    bind: host === 'localhost' ? '127.0.0.1' : host,
    ports: { est: at(0), broker: at(1), console: at(2) },
    isPlain: isLoopback(host),
    urlOf: (scheme, port) => `${scheme}://${name}:${port}`,
  };
}
