/** Multicast DNS records of one name (RFC 6762), and who gives way when two boxes want the same. Pure. */
import { isIPv4 } from 'node:net';
import type { Answer } from 'dns-packet';

/** A record that goes away with its host lives two minutes (RFC 6762 section 10). */
const ttlSeconds = 120;

export const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * All that is true of the name; the flush bit says that older answers are void (RFC 6762 section 10.2). Where there is no
 * IPv6 address NSEC says so (section 6.1), or some phones wait seconds for one before they go on.
 */
export function recordsOf(name: string, addresses: readonly string[], ttl = ttlSeconds): Answer[] {
  const rrtypes = [...new Set(addresses.map(typeOf))];
  const none: Answer = { name, type: 'NSEC', class: 'IN', ttl, flush: true, data: { nextDomain: name, rrtypes } };
  return [...addressesOf(name, addresses, { ttl, flush: true }), ...(rrtypes.length === 1 ? [none] : [])];
}

const typeOf = (address: string): 'A' | 'AAAA' => (isIPv4(address) ? 'A' : 'AAAA');

/** The addresses alone: what a probe proposes, and what is told to who knows only plain DNS. */
export const addressesOf = (
  name: string,
  addresses: readonly string[],
  { ttl, flush }: { ttl: number; flush: boolean },
): Answer[] => addresses.map((data) => ({ name, type: typeOf(data), class: 'IN', ttl, flush, data }));

/** The addresses that a packet's records give the name. */
export function addressesIn(records: readonly Answer[] | undefined, name: string): { address: string; ttl: number }[] {
  return (records ?? []).flatMap((record) =>
    (record.type === 'A' || record.type === 'AAAA') && sameName(record.name, name)
      ? [{ address: String(record.data).toLowerCase(), ttl: Number(record.ttl ?? 0) }]
      : [],
  );
}

/** An address as the wire orders it (RFC 6762 section 8.2): by type, A before AAAA, then by bytes. */
function wireOrder(address: string): string {
  if (isIPv4(address))
    return `01${address
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join('')}`;
  const plain = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => group.padStart(4, '0')));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  return `1c${[...before, ...Array<string>(8 - before.length - after.length).fill('0000'), ...after].join('')}`;
}

/**
 * Two probe for the same name at once: the one whose records are lexicographically later has it (RFC 6762 section 8.2).
 * Answers whether we give way; the same records are no conflict.
 */
export function givesWay(ours: readonly string[], theirs: readonly string[]): boolean {
  const sorted = (addresses: readonly string[]) => addresses.map(wireOrder).sort();
  const [mine, other] = [sorted(ours), sorted(theirs)];
  for (const [index, record] of other.entries()) {
    const against = mine[index];
    if (against === undefined) return true; // all before are the same, and theirs go on
    if (against !== record) return record > against;
  }
  return false;
}
