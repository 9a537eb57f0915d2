/**
 * What path validation asks of one certificate, read from its DER (RFC 5280 section 4): node:crypto tells neither key
 * usage, nor path length, nor which extensions are critical.
 */
import type { X509Certificate } from 'node:crypto';
import { algorithms } from './algorithms.js';
import {
  bytes,
  contextItems,
  decode,
  encode,
  isType,
  items,
  type Node,
  readContextBytes,
  readInteger,
  readOid,
  readTime,
  sequence,
  tags,
} from './der.js';
import { type Constraints, constraintsOf, type GeneralName, generalName } from './name-constraints.js';
import { oids } from './oids.js';

/** The bits of keyUsage that are asked for (RFC 5280 section 4.2.1.3), as bits of its first byte. */
export const usages = { digitalSignature: 0x80, keyCertSign: 0x04, cRLSign: 0x02 } as const;

export interface Facts {
  certificate: X509Certificate;
  /** Upper-case hex. */
  serial: string;
  /** DER of the names; compared byte by byte, as a CA copies them. */
  issuer: Buffer;
  subject: Buffer;
  notBefore: number;
  notAfter: number;
  ca: boolean;
  /** How many further CAs may stand below; undefined for any number. */
  pathLength: number | undefined;
  /** Undefined when nothing is said, and then all is allowed. */
  keyUsage: number | undefined;
  extendedKeyUsage: readonly string[] | undefined;
  subjectAltNames: readonly GeneralName[];
  constraints: Constraints | undefined;
  subjectKeyId: Buffer | undefined;
  authorityKeyId: Buffer | undefined;
  /** Critical extensions that are not understood, and what is not understood within those that are. */
  unsupported: readonly string[];
  /** RSA of fewer than 2048 bits, curves that are not NIST's, SHA-1: why it is too weak to believe. */
  weak: string | undefined;
}

const curves = ['prime256v1', 'secp384r1', 'secp521r1'];

function weaknessOf(certificate: X509Certificate, algorithm: string): string | undefined {
  if (!algorithms[algorithm]) return `signature algorithm ${algorithm}`;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  if (type === 'ec')
    return curves.includes(details?.namedCurve ?? '') ? undefined : `curve ${details?.namedCurve ?? 'unnamed'}`;
  if (type !== 'rsa') return `key of type ${type}`;
  const { modulusLength = 0 } = details ?? {};
  return modulusLength >= 2048 && modulusLength <= 8192 ? undefined : `RSA of ${modulusLength} bits`;
}

interface Extension {
  critical: boolean;
  value: Buffer;
}

function extensionsOf(node: Node | undefined): Map<string, Extension> {
  const found = new Map<string, Extension>();
  for (const one of node ? items(node, tags.sequence) : []) {
    const [type, ...rest] = items(one, tags.sequence);
    const name = readOid(type);
    // RFC 5280 section 4.2: at most one of a kind. Readers that take the first and readers that take the last differ.
    if (found.has(name)) throw new Error(`extension ${name} stands twice`);
    const critical = isType(rest[0], tags.boolean) && bytes(rest[0], tags.boolean)[0] !== 0;
    found.set(name, { critical, value: bytes(rest.at(-1), tags.octetString) });
  }
  return found;
}

function basicConstraintsOf(value: Buffer | undefined): Pick<Facts, 'ca' | 'pathLength'> {
  if (!value) return { ca: false, pathLength: undefined };
  const fields = items(decode(value), tags.sequence);
  const ca = isType(fields[0], tags.boolean) && bytes(fields[0], tags.boolean)[0] !== 0;
  const limit = fields.find((field) => isType(field, tags.integer));
  return { ca, pathLength: limit ? Number(readInteger(limit)) : undefined };
}

const keyUsageOf = (value: Buffer): number => bytes(decode(value), tags.bitString)[1] ?? 0;

const understood: readonly string[] = [
  oids.basicConstraints,
  oids.keyUsage,
  oids.extendedKeyUsage,
  oids.subjectAltName,
  oids.nameConstraints,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
];

function read(certificate: X509Certificate): Facts {
  const [body, algorithm] = items(decode(certificate.raw), tags.sequence);
  // version [0] is absent in v1, which has no extensions and so is never a CA here
  const all = items(body, tags.sequence);
  const fields = contextItems(all[0], 0) ? all.slice(1) : all;
  const [serial, , issuer, validity, subject] = fields;
  const [notBefore, notAfter] = items(validity, tags.sequence);
  const extensions = extensionsOf(fields.map((field) => contextItems(field, 3)?.[0]).find((node) => node));
  const of = (type: string): Buffer | undefined => extensions.get(type)?.value;
  const within = (type: string): Node[] => items(decode(of(type) ?? encode(sequence())), tags.sequence);
  const names = of(oids.nameConstraints);
  const constraints = names && constraintsOf(names);
  const usage = of(oids.keyUsage);
  const keyId = of(oids.subjectKeyIdentifier);
  const hex = readInteger(serial).toString(16).toUpperCase();
  return {
    certificate,
    serial: hex.padStart(hex.length + (hex.length % 2), '0'),
    issuer: encode(sequence(...items(issuer, tags.sequence))),
    subject: encode(sequence(...items(subject, tags.sequence))),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    ...basicConstraintsOf(of(oids.basicConstraints)),
    keyUsage: usage && keyUsageOf(usage),
    extendedKeyUsage: of(oids.extendedKeyUsage) && within(oids.extendedKeyUsage).map(readOid),
    subjectAltNames: within(oids.subjectAltName).map(generalName),
    constraints,
    subjectKeyId: keyId && bytes(decode(keyId), tags.octetString),
    authorityKeyId: readContextBytes(within(oids.authorityKeyIdentifier)[0], 0),
    unsupported: [
      ...[...extensions].flatMap(([type, { critical }]) => (critical && !understood.includes(type) ? [type] : [])),
      ...(constraints?.unsupported ?? []),
    ],
    weak: weaknessOf(certificate, readOid(items(algorithm, tags.sequence)[0])),
  };
}

/** CAs are asked about again and again: reading one costs about as much as checking its signature. */
const remembered = new WeakMap<X509Certificate, Facts>();

/** Undefined when the certificate does not keep to RFC 5280: nothing can be believed of it. */
export function factsOf(certificate: X509Certificate): Facts | undefined {
  const known = remembered.get(certificate);
  if (known) return known;
  try {
    const facts = read(certificate);
    remembered.set(certificate, facts);
    return facts;
  } catch {
    return undefined;
  }
}
