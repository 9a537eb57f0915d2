/**
 * Which authorities a holder of roots accepts of those that it is shown: a new root only over the bridge that a root
 * which it holds has signed (RFC 4210 section 4.4: NewWithOld), never on the word of who shows it.
 */
import type { X509Certificate } from 'node:crypto';

export interface Authorities {
  /** Self-signed, to be trusted: those that were held, and those that they vouch for. */
  roots: X509Certificate[];
  /** CAs that lead to one of the roots: issuing CAs and bridges. Each was valid at the time. */
  below: X509Certificate[];
}

const validAt = (certificate: X509Certificate, at: number): boolean =>
  Date.parse(certificate.validFrom) <= at && at <= Date.parse(certificate.validTo);

const signed = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

const isSelfSigned = (certificate: X509Certificate): boolean => signed(certificate, certificate);

const sameKeyAndName = (one: X509Certificate, other: X509Certificate): boolean =>
  one.subject === other.subject && one.publicKey.equals(other.publicKey);

/**
 * @param held roots that are trusted already; they stay so, also when they are not shown any more
 * @param shown outside certificates, in any order
 * @param at milliseconds since 1970, by a time that is trusted
 */
export function acceptedAuthorities(
  held: readonly X509Certificate[],
  shown: readonly X509Certificate[],
  at: number,
): Authorities {
  const roots = [...held];
  const below: X509Certificate[] = [];
  const candidates = shown.filter((one) => one.ca && validAt(one, at));
  // A root may be vouched for by one that was itself vouched for only now: until nothing more is gained.
  for (let grown = true; grown; ) {
    grown = false;
    for (const one of candidates) {
      if (roots.some((root) => root.raw.equals(one.raw)) || below.some((other) => other.raw.equals(one.raw))) continue;
      const isVouchedFor = isSelfSigned(one)
        ? below.some((bridge) => sameKeyAndName(bridge, one))
        : [...roots, ...below].some((issuer) => signed(issuer, one));
      if (!isVouchedFor) continue;
      (isSelfSigned(one) ? roots : below).push(one);
      grown = true;
    }
  }
  return { roots, below };
}
