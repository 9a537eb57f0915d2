/** Permissions in plain words, and what an app is left unable to do. Pure. */
import type { Capability, CapabilityKind, Egress } from '#contract/capabilities.js';
import { apps } from './texts-apps.js';

const words = apps.permissions;
const egress = 'network.egress:';
const isEgress = (capability: string): capability is Egress => capability.startsWith(egress);
type Plain = Exclude<CapabilityKind, Egress>;
/** All but addresses on the internet. */
export const plainOnes: readonly Plain[] = [
  'storage',
  'health.read',
  'identity.attest',
  'notify',
  'messages',
  'metering',
];

const isPlain = (capability: string): capability is Plain => plainOnes.some((one) => one === capability);

/** One that this version has no words for, as an older history may name it, is shown as it is. */
export function sayPermission(capability: string): { name: string; what: string } {
  // Compared here, because the contract's own `kindOf` would bring a validator into the page.
  if (isPlain(capability)) return words[capability];
  if (!isEgress(capability)) return { name: capability, what: '' };
  if (isFar(capability)) return words.everywhere;
  const host = capability.slice(egress.length);
  return host.startsWith('*.') ? words.below(host.slice(2)) : words.host(host);
}

/** What reaches anybody is shown as such. */
export const isFar = (capability: string): boolean => capability === 'network.egress:*';

/** What it can not do, worked out of what it does not even ask for. */
export function cannotDo(asked: readonly Capability[]): string[] {
  const { cannot } = apps;
  const hosts = asked.filter(isEgress);
  return [
    ...(hosts.length === 0 ? [cannot.internet] : hosts.some(isFar) ? [] : [cannot.otherHosts]),
    ...plainOnes.filter((kind) => !asked.includes(kind)).map((kind) => cannot[kind]),
    ...cannot.always,
  ];
}
