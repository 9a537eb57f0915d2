/** Certificate revocation lists, version 2 (RFC 5280 section 5): complete lists, each signed by the CA whose it is. */
import { type KeyObject, verify } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
import { algorithms } from './algorithms.js';
import { extension, type Issuer, signedWith } from './certificate.js';
import {
  bitString,
  bytes,
  context,
  contextBytes,
  contextItems,
  decode,
  decodeCanonical,
  encode,
  enumerated,
  isType,
  items,
  type Node,
  readBits,
  readContextBytes,
  readInteger,
  readOid,
  readTime,
  sequence,
  smallInteger,
  tags,
  time,
  wholeInteger,
} from './der.js';
import { oids } from './oids.js';
import { toPem } from './pem.js';

/** RFC 5280 section 5.3.1. */
export const reasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
} as const;
export type Reason = keyof typeof reasons;

export interface Revoked {
  /** Upper-case hex, as node:crypto prints it. */
  serial: string;
  /** Milliseconds since 1970; the list keeps whole seconds. */
  at: number;
  reason?: Reason;
}

export interface Crl {
  /** DER of the name of its CA. */
  issuer: Buffer;
  /** Never goes back (RFC 5280 section 5.2.3). */
  number: bigint;
  thisUpdate: number;
  nextUpdate: number;
  /** By serial. */
  revoked: ReadonlyMap<string, Revoked>;
  /** The key identifier of the CA that signed it. */
  authorityKeyId: Buffer | undefined;
  /** Whether this key signed it; that the key may, is for the reader of its certificate to see. */
  signedBy(key: KeyObject): boolean;
}

/** DER; `crlToPem` armours it. The times are milliseconds since 1970, `number` that of the list before plus one. */
export async function buildCrl(
  issuer: Issuer,
  wish: { number: bigint; thisUpdate: number; nextUpdate: number; revoked: Iterable<Revoked> },
): Promise<Buffer> {
  const entries = Array.from(wish.revoked, ({ serial, at, reason }) =>
    sequence(
      wholeInteger(BigInt(`0x${serial}`)),
      time(at),
      // Unspecified is said by saying nothing.
      ...(reason === undefined || reason === 'unspecified'
        ? []
        : [sequence(extension(oids.reasonCode, enumerated(reasons[reason])))]),
    ),
  );
  const body = sequence(
    smallInteger(1), // v2
    signedWith,
    issuer.name,
    time(wish.thisUpdate),
    time(wish.nextUpdate),
    ...(entries.length > 0 ? [sequence(...entries)] : []), // an empty one must be absent
    context(
      0,
      sequence(
        extension(oids.authorityKeyIdentifier, sequence(contextBytes(0, issuer.keyId))),
        extension(oids.crlNumber, wholeInteger(wish.number)),
      ),
    ),
  );
  return encode(sequence(body, signedWith, bitString(await issuer.signer.sign(encode(body)))));
}

/** The label that openssl and mosquitto look for. */
export const crlToPem = (der: Uint8Array): string => toPem('X509 CRL', der);

/** As node:crypto prints a serial: upper-case hex of whole bytes. */
function serialOf(node: Node | undefined): string {
  const hex = readInteger(node).toString(16).toUpperCase();
  return hex.padStart(hex.length + (hex.length % 2), '0');
}

/** @throws Error when one is critical and not among those that are read here */
function extensionsOf(node: Node | undefined): Map<string, Buffer> {
  const known: string[] = [oids.authorityKeyIdentifier, oids.crlNumber, oids.reasonCode];
  const found = new Map<string, Buffer>();
  for (const one of node ? items(node, tags.sequence) : []) {
    const [type, ...rest] = items(one, tags.sequence);
    const name = readOid(type);
    const critical = isType(rest[0], tags.boolean) && bytes(rest[0], tags.boolean)[0] !== 0;
    // A list for some certificates, or for changes since another one, says so in a critical extension.
    if (critical && !known.includes(name)) throw new Error(`extension ${name} is critical and not understood`);
    if (found.has(name)) throw new Error(`extension ${name} stands twice`);
    found.set(name, bytes(rest.at(-1), tags.octetString));
  }
  return found;
}

function reasonOf(der: Buffer | undefined): Reason | undefined {
  if (!der) return undefined;
  const [code] = bytes(decode(der), tags.enumerated);
  const names = Object.keys(reasons) as Reason[];
  return names.find((name) => reasons[name] === code) ?? 'unspecified';
}

function entryOf(node: Node): Revoked {
  const [serial, at, extensions] = items(node, tags.sequence);
  const reason = reasonOf(extensionsOf(extensions).get(oids.reasonCode));
  return { serial: serialOf(serial), at: readTime(at), ...(reason ? { reason } : {}) };
}

function read(der: Uint8Array): Crl {
  const [body, algorithm, signature, ...more] = items(decodeCanonical(der), tags.sequence);
  if (!body || !algorithm || more.length > 0) throw new Error('not the fields of a list');
  const fields = items(body, tags.sequence);
  const [version, signedWithin, issuer, thisUpdate, nextUpdate] = fields;
  if (!bytes(version, tags.integer).equals(Uint8Array.of(1))) throw new Error('not version 2');
  if (!signedWithin || !encode(signedWithin).equals(encode(algorithm))) throw new Error('two signature algorithms');
  if (!isType(issuer, tags.sequence)) throw new Error('no issuer');
  const last = contextItems(fields.at(-1), 0);
  const between = fields.slice(5, last ? -1 : undefined);
  if (between.length > 1) throw new Error('more fields than a list has');
  const extensions = extensionsOf(last?.[0]);
  const number = extensions.get(oids.crlNumber);
  if (!number) throw new Error('no number');
  const authority = extensions.get(oids.authorityKeyIdentifier);
  const [keyId] = authority ? items(decode(authority), tags.sequence) : [];
  const revoked = between[0] ? items(between[0], tags.sequence).map(entryOf) : [];
  const used = algorithms[readOid(items(algorithm, tags.sequence)[0])];
  const signed = encode(body);
  const bits = readBits(signature);
  return {
    issuer: encode(issuer),
    number: readInteger(decode(number)),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: readTime(nextUpdate),
    revoked: new Map(revoked.map((entry) => [entry.serial, entry])),
    authorityKeyId: readContextBytes(keyId, 0),
    signedBy: (key) => used !== undefined && used.key === key.asymmetricKeyType && verify(used.hash, signed, key, bits),
  };
}

/**
 * Takes outside bytes, DER. Nothing in it counts before `signedBy` the key of a CA that may sign lists.
 * @throws Refusal `crl-malformed`
 */
export function parseCrl(der: Uint8Array): Crl {
  try {
    return read(der);
  } catch (error) {
    throw new Refusal('crl-malformed', error instanceof Error ? error.message : undefined, { cause: error });
  }
}

/** @throws Refusal `crl-malformed` */
export function crlFromPem(pem: string): Crl {
  const [, body] = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/.exec(pem) ?? [];
  if (body === undefined) throw new Refusal('crl-malformed', 'no PEM block X509 CRL');
  return parseCrl(Buffer.from(body, 'base64'));
}
