/** CMS SignedData (RFC 5652) with one ECDSA P-256 signer over one content. */
import { createHash, verify, type X509Certificate } from 'node:crypto';
import type { Issuer } from './certificate.js';
import {
  bytes,
  context,
  contextItems,
  decode,
  decodeCanonical,
  encode,
  items,
  type Node,
  octetString,
  oid,
  readOid,
  sequence,
  set,
  smallInteger,
  tags,
} from './der.js';
import { oids } from './oids.js';

const sha256 = sequence(oid(oids.sha256));
const digestOf = (content: Uint8Array): Buffer => createHash('sha256').update(content).digest();

/** IssuerAndSerialNumber of a certificate. */
function nameAndSerial(certificate: X509Certificate): Node {
  const fields = items(items(decode(certificate.raw), tags.sequence)[0], tags.sequence);
  return sequence(fields[3]!, fields[1]!);
}

/** DER. @param contentType OID of what the content is */
export async function signCms(
  { certificate, signer }: Pick<Issuer, 'certificate' | 'signer'>,
  { contentType, content }: { contentType: string; content: Uint8Array },
): Promise<Buffer> {
  const attributes = [
    sequence(oid(oids.contentType), set(oid(contentType))),
    sequence(oid(oids.messageDigest), set(octetString(digestOf(content)))),
  ].sort((a, b) => Buffer.compare(encode(a), encode(b))); // DER: a SET OF is sorted (X.690 section 11.6)
  // Signed as a SET, carried as an implicit [0] (RFC 5652 section 5.4)
  const signature = await signer.sign(encode(set(...attributes)));
  const signerInfo = sequence(
    smallInteger(1),
    nameAndSerial(certificate),
    sha256,
    context(0, ...attributes),
    sequence(oid(oids.ecdsaSha256)),
    octetString(signature),
  );
  const signed = sequence(
    smallInteger(3), // the content is not plain data (RFC 5652 section 5.1)
    set(sha256),
    sequence(oid(contentType), context(0, octetString(content))),
    context(0, decode(certificate.raw)),
    set(signerInfo),
  );
  return encode(sequence(oid(oids.signedData), context(0, signed)));
}

/** Malformed: not what `signCms` makes. Foreign: by none of these signers. Forged: does not verify with the one it names. */
export type CmsFault = 'malformed' | 'foreign' | 'forged';
export type VerifiedCms = { ok: true; content: Buffer; signer: X509Certificate } | { ok: false; fault: CmsFault };

interface Parts {
  contentType: string;
  content: Buffer;
  signerId: Buffer;
  attributes: Node[];
  signature: Buffer;
}

function only(nodes: readonly Node[]): Node {
  const [node, ...more] = nodes;
  if (!node || more.length > 0) throw new Error('expected one element');
  return node;
}

const same = (node: Node | undefined, wanted: Node): boolean =>
  node !== undefined && encode(node).equals(encode(wanted));

function split(der: Uint8Array): Parts {
  const [type, wrapped] = items(decodeCanonical(der), tags.sequence);
  if (readOid(type) !== oids.signedData) throw new Error('not signed data');
  const fields = items(only(contextItems(wrapped, 0) ?? []), tags.sequence);
  const [contentType, carried] = items(fields[2], tags.sequence);
  const info = items(only(items(fields.at(-1), tags.set)), tags.sequence);
  const [, signerId, digest, attributes, algorithm, signature] = info;
  if (!signerId || !same(digest, sha256) || !same(algorithm, sequence(oid(oids.ecdsaSha256))))
    throw new Error('not ECDSA with SHA-256');
  return {
    contentType: readOid(contentType),
    content: bytes(only(contextItems(carried, 0) ?? []), tags.octetString),
    signerId: encode(signerId),
    attributes: contextItems(attributes, 0) ?? [],
    signature: bytes(signature, tags.octetString),
  };
}

function attribute(attributes: readonly Node[], wanted: string): Node {
  const found = attributes.map((node) => items(node, tags.sequence)).filter(([type]) => readOid(type) === wanted);
  return only(items(only(found.map(([, values]) => values ?? set())), tags.set));
}

/**
 * Takes outside bytes. The signer must be one of those handed in; certificates that come along say nothing. What is
 * verified: the signature over the attributes, and that they are of this content and of the wanted type.
 */
export function verifyCms(der: Uint8Array, signers: readonly X509Certificate[], contentType: string): VerifiedCms {
  try {
    const parts = split(der);
    const signer = signers.find((one) => encode(nameAndSerial(one)).equals(parts.signerId));
    if (!signer) return { ok: false, fault: 'foreign' };
    const signed = encode(set(...parts.attributes));
    const digest = bytes(attribute(parts.attributes, oids.messageDigest), tags.octetString);
    const says = readOid(attribute(parts.attributes, oids.contentType));
    if (!verify('sha256', signed, signer.publicKey, parts.signature) || !digest.equals(digestOf(parts.content)))
      return { ok: false, fault: 'forged' };
    // RFC 5652 section 11.1: or a signature over something else would do for this
    if (says !== contentType || parts.contentType !== contentType) return { ok: false, fault: 'malformed' };
    return { ok: true, content: parts.content, signer };
  } catch {
    return { ok: false, fault: 'malformed' };
  }
}
