/**
 * Which addresses an app may be connected to: those of the public internet, and nothing that lies nearer.
 *
 * After IANA's special-purpose registries (RFC 6890; IPv4 and IPv6). An IPv6 address that carries an IPv4 one is judged
 * by that one. `net.BlockList` takes `::ffff:0:0/96` for all of IPv4, so what is mapped is unpacked before it is looked up.
 */
import { BlockList, isIP } from 'node:net';

const special4 = [
  ['0.0.0.0', 8], // this network, RFC 791
  ['10.0.0.0', 8], // private, RFC 1918
  ['100.64.0.0', 10], // shared with the carrier, RFC 6598
  ['127.0.0.0', 8], // loopback, RFC 1122
  ['169.254.0.0', 16], // link-local, RFC 3927; where clouds keep their metadata
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments, RFC 6890
  ['192.0.2.0', 24], // documentation, RFC 5737
  ['192.31.196.0', 24], // AS112, RFC 7535
  ['192.52.193.0', 24], // AMT, RFC 7450
  ['192.88.99.0', 24], // 6to4 relays, RFC 7526
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112, RFC 7534
  ['198.18.0.0', 15], // benchmarking, RFC 2544
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast, RFC 5771
  ['240.0.0.0', 4], // reserved, RFC 1112, and broadcast
] as const;

/** Of IPv6 only 2000::/3 is given out (RFC 4291 section 2.4); in it, these are not the public internet. */
const special6 = [
  ['2001::', 23], // protocol assignments, RFC 2928; Teredo (RFC 4380) and ORCHID among them
  ['2001:db8::', 32], // documentation, RFC 3849
  ['2002::', 16], // 6to4, RFC 3056: leads to any IPv4 address
  ['2620:4f:8000::', 48], // AS112, RFC 7534
  ['3fff::', 20], // documentation, RFC 9637
] as const;

function listOf(ranges: readonly (readonly [string, number])[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [network, bits] of ranges) list.addSubnet(network, bits, family);
  return list;
}

const refused4 = listOf(special4, 'ipv4');
const refused6 = listOf(special6, 'ipv6');
const given6 = listOf([['2000::', 3]], 'ipv6');

/** The eight groups of an address that `isIP` calls 6. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [, head = '', a, b, c, d] = dotted ?? [];
  const plain = dotted
    ? `${head}${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`
    : address;
  const [left = '', right] = plain.split('::');
  const numbers = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [numbers(left), numbers(right ?? '')];
  return right === undefined
    ? before
    : [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

const startsWith = (groups: readonly number[], start: readonly number[]): boolean =>
  start.every((group, index) => groups[index] === group);

/**
 * Where an address really leads: an IPv6 one that is mapped (RFC 4291 section 2.5.5.2) or translated (NAT64, RFC 6052)
 * to the IPv4 address in it, every other one to itself.
 */
export function plainAddress(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address;
  const groups = groupsOf(address);
  const carries = startsWith(groups, [0, 0, 0, 0, 0, 0xffff]) || startsWith(groups, [0x64, 0xff9b, 0, 0, 0, 0]);
  const [high = 0, low = 0] = groups.slice(6);
  return carries ? [high >> 8, high & 255, low >> 8, low & 255].join('.') : address;
}

export function isPublic(address: string): boolean {
  const plain = plainAddress(address);
  const family = isIP(plain);
  if (family === 4) return !refused4.check(plain, 'ipv4');
  if (family !== 6 || plain.includes('%')) return false;
  return given6.check(plain, 'ipv6') && !refused6.check(plain, 'ipv6');
}

/** Whether the address lies in one of the networks, in CIDR notation; what is no network contains nothing. */
export function isWithin(address: string, networks: readonly string[]): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  for (const network of networks) {
    const [base = '', bits] = network.split('/');
    const itsFamily = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    const longest = itsFamily === 'ipv6' ? 128 : 32;
    const prefix = bits === undefined ? longest : Number(bits);
    if (isIP(base) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > longest) continue;
    if (itsFamily === family) list.addSubnet(base, prefix, family);
  }
  return list.check(address, family);
}
