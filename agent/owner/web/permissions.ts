/** Permissions in plain words, and what an app is left unable to do. Pure. */
import type { Capability, CapabilityKind, Egress } from '#contract/capabilities.js';
import { texts } from './texts.js';

const words = texts.apps.permissions;
const egress = 'network.egress:';
const isEgress = (capability: Capability): capability is Egress => capability.startsWith(egress);
type Plain = Exclude<CapabilityKind, Egress>;
const plainOnes: readonly Plain[] = ['storage', 'health.read', 'identity.attest', 'notify'];

export function sayPermission(capability: Capability): { name: string; what: string } {
  // Compared here, because the contract's own `kindOf` would bring a validator into the page.
  if (!isEgress(capability)) return words[capability];
  if (isFar(capability)) return words.everywhere;
  const host = capability.slice(egress.length);
  return host.startsWith('*.') ? words.below(host.slice(2)) : words.host(host);
}

/** What reaches anybody is shown as such. */
export const isFar = (capability: Capability): boolean => capability === 'network.egress:*';

/** What it can not do, worked out of what it does not even ask for. */
export function cannotDo(asked: readonly Capability[]): string[] {
  const { cannot } = texts.apps;
  const hosts = asked.filter(isEgress);
  return [
    ...(hosts.length === 0 ? [cannot.internet] : hosts.some(isFar) ? [] : [cannot.otherHosts]),
    ...plainOnes.filter((kind) => !asked.includes(kind)).map((kind) => cannot[kind]),
    ...cannot.always,
  ];
}
