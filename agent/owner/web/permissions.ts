/** Permissions in plain words, and what an app is left unable to do. Pure. */
import { type Capability, kindOf } from '#contract/capabilities.js';
import { texts } from './texts.js';

const words = texts.apps.permissions;
const egress = 'network.egress:';

export function sayPermission(capability: Capability): { name: string; what: string } {
  const kind = kindOf(capability);
  if (kind === 'network.egress:*') return words.everywhere;
  if (kind !== 'network.egress:{host}') return words[kind];
  const host = capability.slice(egress.length);
  return host.startsWith('*.') ? words.below(host.slice(2)) : words.host(host);
}

/** What reaches anybody is shown as such. */
export const isFar = (capability: Capability): boolean => capability === 'network.egress:*';

/** What it can not do, worked out of what it does not even ask for. */
export function cannotDo(asked: readonly Capability[]): string[] {
  const { cannot } = texts.apps;
  const hosts = asked.filter((one) => one.startsWith(egress));
  const kinds = ['storage', 'health.read', 'identity.attest', 'notify'] as const;
  return [
    ...(hosts.length === 0 ? [cannot.internet] : hosts.some(isFar) ? [] : [cannot.otherHosts]),
    ...kinds.filter((kind) => !asked.includes(kind)).map((kind) => cannot[kind]),
    ...cannot.always,
  ];
}
