/** The named powers of the standard API that an owner grants to an app. What is not granted is denied. */
import { type Static, Type } from 'typebox';

/** A host name (RFC 1123 section 2.1) of two labels or more, never an address; `*.` before it: any name below it. */
const host = '(?:\\*\\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?';

/** `network.egress:{host}`, with `:{port}` where it is not 443; `network.egress:*` is any host and any port. */
export const Egress = Type.Unsafe<`network.egress:${string}`>(
  Type.String({ pattern: `^network\\.egress:(?:\\*|${host}(?::[1-9][0-9]{0,4})?)$`, maxLength: 280 }),
);
export type Egress = Static<typeof Egress>;

export const Capability = Type.Union(
  [
    Type.Literal('storage'),
    Type.Literal('health.read'),
    Type.Literal('identity.attest'),
    Type.Literal('notify'),
    Type.Literal('messages'),
    Type.Literal('metering'),
    Egress,
  ],
  { $id: 'Capability' },
);
export type Capability = Static<typeof Capability>;

/** What a table of permissions speaks of: all hosts count as one kind of their own, each single host as another. */
export const CapabilityKind = Type.Union([
  Type.Literal('storage'),
  Type.Literal('health.read'),
  Type.Literal('identity.attest'),
  Type.Literal('notify'),
  Type.Literal('messages'),
  Type.Literal('metering'),
  Type.Literal('network.egress:{host}'),
  Type.Literal('network.egress:*'),
]);
export type CapabilityKind = Static<typeof CapabilityKind>;

export function kindOf(capability: Capability): CapabilityKind {
  if (capability === 'network.egress:*') return capability;
  if (capability.startsWith('network.egress:')) return 'network.egress:{host}';
  return capability as CapabilityKind;
}

/** The permission that a connection to this host and port needs at the least. */
export const egressTo = (host: string, port: number): Egress =>
  `network.egress:${host}${port === 443 ? '' : `:${port}`}`;

/** Whether this grant is for that host, in lower case and without a final dot, and that port. */
export function coversEgress(granted: Capability, host: string, port: number): boolean {
  if (!granted.startsWith('network.egress:')) return false;
  const pattern = granted.slice('network.egress:'.length);
  if (pattern === '*') return true;
  const [name = '', itsPort = '443'] = pattern.split(':');
  if (Number(itsPort) !== port) return false;
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) && host.length > name.length - 1 : host === name;
}
