/** Certs-only PKCS#7 (RFC 5652, as RFC 7030 section 4.1.3 wants it): certificates in an envelope that nobody signed. */
import { X509Certificate } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
import {
  context,
  contextItems,
  decode,
  encode,
  items,
  type Node,
  oid,
  readOid,
  sequence,
  set,
  smallInteger,
  tags,
} from './der.js';
import { oids } from './oids.js';

/** DER. The order is kept: leaf first. */
export function buildCertsOnly(certificates: readonly Uint8Array[]): Buffer {
  const data: Node = sequence(
    smallInteger(1),
    set(),
    sequence(oid(oids.data)),
    context(0, ...certificates.map(decode)),
    set(),
  );
  return encode(sequence(oid(oids.signedData), context(0, data)));
}

/**
 * Takes outside bytes. Says nothing of whom the certificates come from: that is for path validation.
 * @throws Refusal `est-protocol`
 */
export function parseCertsOnly(der: Uint8Array): X509Certificate[] {
  try {
    const [type, content] = items(decode(der), tags.sequence);
    if (readOid(type) !== oids.signedData) throw new Error('not signed data');
    const fields = items(contextItems(content, 0)?.[0], tags.sequence);
    const certificates = contextItems(fields[3], 0) ?? [];
    if (certificates.length === 0) throw new Error('no certificate');
    return certificates.map((certificate) => new X509Certificate(encode(certificate)));
  } catch (error) {
    throw new Refusal('est-protocol', 'the answer is not a certs-only PKCS#7', { cause: error });
  }
}
