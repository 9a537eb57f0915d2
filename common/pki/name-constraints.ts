/**
 * Which names a CA may speak for (RFC 5280 section 4.2.1.10): DNS names, IP addresses and directory names. A constraint
 * on another kind of name is named as unsupported, and the certificate that has it is believed nothing.
 */
import { contextItems, decode, encode, items, type Node, readContextBytes, tags } from './der.js';

export type GeneralName =
  | { kind: 'dns'; name: string }
  | { kind: 'ip'; address: Buffer }
  | { kind: 'directory'; steps: readonly Buffer[] }
  | { kind: 'other' };

type Known = Exclude<GeneralName, { kind: 'other' }>;

export interface Constraints {
  permitted: readonly Known[];
  excluded: readonly Known[];
  unsupported: readonly string[];
}

/** The relative names of a distinguished name, each as DER. @throws Error */
const stepsOf = (name: Node | undefined): Buffer[] => items(name, tags.sequence).map(encode);

/** @throws Error */
export function generalName(node: Node): GeneralName {
  const dns = readContextBytes(node, 2);
  if (dns) return { kind: 'dns', name: dns.toString('latin1').toLowerCase() };
  const address = readContextBytes(node, 7);
  if (address) return { kind: 'ip', address };
  const directory = contextItems(node, 4);
  return directory ? { kind: 'directory', steps: stepsOf(directory[0]) } : { kind: 'other' };
}

/** @throws Error */
export function constraintsOf(der: Uint8Array): Constraints {
  const unsupported: string[] = [];
  const lists: { permitted: Known[]; excluded: Known[] } = { permitted: [], excluded: [] };
  for (const part of items(decode(der), tags.sequence)) {
    const permitted = contextItems(part, 0);
    const subtrees = permitted ?? contextItems(part, 1);
    if (!subtrees) throw new Error('not a list of subtrees');
    for (const subtree of subtrees) {
      const [base, ...limits] = items(subtree, tags.sequence);
      const name = base && generalName(base);
      // minimum is always 0, which DER leaves out, and maximum absent
      if (!name || name.kind === 'other' || limits.length > 0) unsupported.push('a name constraint of another kind');
      else (permitted ? lists.permitted : lists.excluded).push(name);
    }
  }
  return { ...lists, unsupported };
}

/** Whether a DNS name stands within the constraint: it, or any name to its left. A dot in front: to its left only. */
function dnsWithin(name: string, base: string): boolean {
  if (base === '') return true;
  return base.startsWith('.') ? name.endsWith(base) : name === base || name.endsWith(`.${base}`);
}

/** A constraint is address and mask, twice as long as the address. */
function ipWithin(address: Buffer, base: Buffer): boolean {
  const { length } = address;
  if (base.length !== 2 * length) return false;
  return address.every((byte, at) => (byte & base[length + at]!) === (base[at]! & base[length + at]!));
}

const directoryWithin = (steps: readonly Buffer[], base: readonly Buffer[]): boolean =>
  base.length <= steps.length && base.every((step, at) => steps[at]?.equals(step));

function within(name: Known, base: Known): boolean {
  if (name.kind === 'dns' && base.kind === 'dns') return dnsWithin(name.name, base.name);
  if (name.kind === 'ip' && base.kind === 'ip') return ipWithin(name.address, base.address);
  return name.kind === 'directory' && base.kind === 'directory' && directoryWithin(name.steps, base.steps);
}

/** A wildcard stands for every name in its place: it touches an exclusion below its parent too. */
const touches = (name: Known, base: Known): boolean =>
  within(name, base) ||
  (name.kind === 'dns' && base.kind === 'dns' && name.name.startsWith('*.') && base.name.endsWith(name.name.slice(1)));

/** The first name that the constraints do not allow, in words. */
export function forbiddenName(
  { permitted, excluded }: Constraints,
  of: { subject: Uint8Array; subjectAltNames: readonly GeneralName[] },
): string | undefined {
  const steps = stepsOf(decode(of.subject));
  const names = [...(steps.length > 0 ? [{ kind: 'directory' as const, steps }] : []), ...of.subjectAltNames];
  for (const name of names) {
    if (name.kind === 'other') continue; // no constraint on its kind is taken, so none can be on it
    const those = permitted.filter(({ kind }) => kind === name.kind);
    const allowed = those.length === 0 || those.some((base) => within(name, base));
    if (!allowed || excluded.some((base) => touches(name, base)))
      return name.kind === 'dns' ? name.name : `a name of kind ${name.kind}`;
  }
  return undefined;
}
