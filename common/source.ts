import { isIPv6 } from 'node:net';

/** Whom an address stands for: who holds one IPv6 address holds its /64. */
export function sourceOf(address: string): string {
  if (address.startsWith('::ffff:')) return address.slice(7);
  return isIPv6(address) && !address.startsWith('::') ? address.split(':').slice(0, 4).join(':') : address;
}
