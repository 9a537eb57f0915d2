/**
 * Factory identities (IEEE 802.1AR IDevID) of accredited makers. TLS has shown that the device holds the key; the chain
 * is judged here, with the time passed in.
 */
import type { X509Certificate } from 'node:crypto';
import { bytes, decode, isType, items, readOid, tags } from '#common/pki/der.js';
import { oids } from '#common/pki/oids.js';
import { validatePath } from '#common/pki/path.js';
import type { FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';

export interface Maker {
  /** In the alliance's directory. */
  id: string;
  name: string;
  ca: X509Certificate;
}

/** The one `serialNumber` of the subject (IEEE 802.1AR section 8.6). @throws Error when it is not a certificate */
function serialIn(certificate: X509Certificate): string | undefined {
  const fields = items(items(decode(certificate.raw), tags.sequence)[0], tags.sequence);
  const found: string[] = [];
  for (const step of items(fields[5], tags.sequence))
    for (const attribute of items(step, tags.set)) {
      const [type, value] = items(attribute, tags.sequence);
      const kind = [tags.printable, tags.utf8].find((tag) => isType(value, tag));
      if (readOid(type) === oids.serialNumber && kind !== undefined) found.push(bytes(value, kind).toString('utf8'));
    }
  return found.length === 1 && /^[\x21-\x7e]{1,64}$/.test(found[0] ?? '') ? found[0] : undefined;
}

const subjects = new WeakMap<X509Certificate, string>();

function subjectOf(ca: X509Certificate): string {
  const known = subjects.get(ca) ?? ca.subject;
  subjects.set(ca, known);
  return known;
}

/** Answers, rather than throws, `factory-foreign`: another credential may serve. Takes what a stranger's TLS showed. */
export function recogniseFactory({
  chain: [leaf, ...intermediates],
  makers,
  at,
}: {
  chain: readonly X509Certificate[];
  makers: readonly Maker[];
  at: number;
}): FactoryIdentity | Refusal {
  if (!leaf) return new Refusal('factory-foreign');
  // An alliance may have thousands: only those are tried that say they signed something here.
  const signedBy = new Set([leaf, ...intermediates].map(({ issuer }) => issuer));
  for (const { id, ca } of makers) {
    if (!signedBy.has(subjectOf(ca))) continue;
    const result = validatePath({ chain: [leaf, ...intermediates], anchors: [ca], at, purpose: 'clientAuth' });
    if (!result.ok) continue;
    const serial = serialIn(leaf);
    if (serial === undefined) return new Refusal('factory-foreign', 'its subject has no serial number');
    return { maker: id, serial };
  }
  return new Refusal('factory-foreign');
}
