/**
 * Certification path validation (RFC 5280 section 6), with the time passed in.
 *
 * Node reports one fault, and `CERT_HAS_EXPIRED` for a certificate that is rogue *and* expired: who tolerates an expired
 * certificate, or does not know the time, cannot build on it. Here a fault of time is named only when nothing else is
 * wrong: no clock, however wrong, makes a path of a stranger look merely old.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Crl } from './crl.js';
import { type Facts, factsOf, usages } from './facts.js';
import { forbiddenName } from './name-constraints.js';
import { oids } from './oids.js';

/** `ca`: the certificate is itself a CA. `signature`: it signs documents. */
export type Purpose = 'clientAuth' | 'serverAuth' | 'signature' | 'ca';

/**
 * Milliseconds since 1970; or, for a box that does not know the time, the earliest that it can be: then a path serves
 * when there is a moment from then on at which all of it is valid. `{ atLeast: 0 }` judges everything but time.
 */
export type Moment = number | { readonly atLeast: number };

export type PathFault =
  | 'malformed'
  | 'untrusted'
  | 'bad-signature'
  | 'weak'
  | 'unsupported-critical'
  | 'not-a-ca'
  | 'path-too-long'
  | 'name-forbidden'
  | 'wrong-purpose'
  | 'wrong-host'
  | 'revoked'
  | 'not-yet-valid'
  | 'expired';

export interface TrustedPath {
  ok: true;
  /** From the leaf to the anchor, both included. */
  path: X509Certificate[];
  /** While all of them are valid; the leaf's end is left out when it is tolerated. */
  validity: { notBefore: number; notAfter: number };
}

export interface PathRefusal {
  ok: false;
  fault: PathFault;
  /** The certificate that failed. */
  certificate: X509Certificate | undefined;
  /** In words, with the certificate's subject. */
  detail: string;
}

export interface PathWish {
  /** The leaf first; what else was shown may come in any order, and more than is needed. */
  chain: readonly X509Certificate[];
  anchors: readonly X509Certificate[];
  at: Moment;
  purpose: Purpose;
  /** A DNS name or IP address that the leaf must name in its subjectAltName; its common name counts for nothing. */
  host?: string | undefined;
  /** Passes over the leaf's notAfter, and over nothing else: for renewal with a certificate that lay in a drawer. */
  tolerate?: 'expired-leaf' | undefined;
  /** A list counts when the issuer of the certificate in question signed it; its age is for the caller to judge. */
  crls?: readonly Crl[] | undefined;
  /** Asked of every certificate but the anchor. */
  isRevoked?: ((certificate: X509Certificate, issuer: X509Certificate) => boolean) | undefined;
}

/** A stranger chooses how much of a chain he shows. */
const mostCertificates = 16;
const mostSignatures = 64;
const longestPath = 8;

const eku = { clientAuth: oids.clientAuth, serverAuth: oids.serverAuth } as const;

type Trouble = { fault: PathFault; of: Facts | undefined; why?: string | undefined };

const refuse = ({ fault, of, why }: Trouble): PathRefusal => {
  const subject = of?.certificate.subject.replace(/\n/g, ', ') || 'a certificate';
  return { ok: false, fault, certificate: of?.certificate, detail: `${subject}: ${fault}${why ? ` (${why})` : ''}` };
};

const isSelfIssued = ({ issuer, subject }: Facts): boolean => issuer.equals(subject);

/** Key identifiers help to find an issuer; two that contradict each other rule one out (RFC 5280 section 4.2.1.1). */
const mayHaveIssued = (issuer: Facts, { issuer: name, authorityKeyId }: Facts): boolean =>
  issuer.subject.equals(name) &&
  (!authorityKeyId || !issuer.subjectKeyId || authorityKeyId.equals(issuer.subjectKeyId));

function verifies(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false; // a key that node cannot read
  }
}

/** What is wrong with each certificate by itself, as the issuer of what stands below it. */
function caTrouble(path: readonly Facts[], at: number, purpose: Purpose): Trouble | undefined {
  const of = path[at]!;
  if (!of.ca || (of.keyUsage !== undefined && (of.keyUsage & usages.keyCertSign) === 0))
    return { fault: 'not-a-ca', of };
  // Self-issued CAs, as in a rollover, do not count (RFC 5280 section 6.1.4 (l)). A CA that is judged as one does.
  const below = path.slice(purpose === 'ca' ? 0 : 1, at).filter((one) => !isSelfIssued(one)).length;
  if (of.pathLength !== undefined && below > of.pathLength)
    return { fault: 'path-too-long', of, why: `${below} CAs below it` };
  const { constraints } = of;
  for (const [index, one] of path.slice(0, at).entries()) {
    if (!constraints || (index > 0 && isSelfIssued(one))) continue;
    const why = forbiddenName(constraints, one);
    if (why !== undefined) return { fault: 'name-forbidden', of: one, why };
  }
  return undefined;
}

function namesHost(leaf: X509Certificate, host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(plain)) return leaf.checkIP(plain) !== undefined;
  return leaf.checkHost(plain, { subject: 'never', partialWildcards: false }) !== undefined;
}

function purposeTrouble(path: readonly Facts[], { purpose, host }: PathWish): Trouble | undefined {
  const leaf = path[0]!;
  if (purpose === 'ca') return undefined; // judged as one already
  if (leaf.keyUsage !== undefined && (leaf.keyUsage & usages.digitalSignature) === 0)
    return { fault: 'wrong-purpose', of: leaf, why: 'it does not sign' };
  if (purpose !== 'signature')
    for (const of of path)
      if (of.extendedKeyUsage && !of.extendedKeyUsage.includes(eku[purpose]))
        return { fault: 'wrong-purpose', of, why: `not for ${purpose}` };
  if (host !== undefined && !namesHost(leaf.certificate, host))
    return { fault: 'wrong-host', of: leaf, why: `does not name ${host}` };
  return undefined;
}

function revocationTrouble(path: readonly Facts[], { crls = [], isRevoked }: PathWish): Trouble | undefined {
  for (const [index, of] of path.slice(0, -1).entries()) {
    const issuer = path[index + 1]!;
    const maySign = issuer.keyUsage === undefined || (issuer.keyUsage & usages.cRLSign) !== 0;
    const listed = crls.some(
      (crl) =>
        crl.revoked.has(of.serial) &&
        maySign &&
        crl.issuer.equals(issuer.subject) &&
        crl.signedBy(issuer.certificate.publicKey),
    );
    if (listed || isRevoked?.(of.certificate, issuer.certificate)) return { fault: 'revoked', of };
  }
  return undefined;
}

/** Last of all, and of the leaf last. */
function timeTrouble(path: readonly Facts[], { at, tolerate }: PathWish): Trouble | undefined {
  const later = (of: Facts) => of === path[0] && tolerate === 'expired-leaf';
  if (typeof at === 'number') {
    for (const of of path.toReversed()) {
      if (at < of.notBefore) return { fault: 'not-yet-valid', of };
      if (at > of.notAfter && !later(of)) return { fault: 'expired', of };
    }
    return undefined;
  }
  const earliest = Math.max(at.atLeast, ...path.map(({ notBefore }) => notBefore));
  const of = path.toReversed().find((one) => earliest > one.notAfter && !later(one));
  return of && { fault: 'expired', of };
}

function judge(path: readonly Facts[], wish: PathWish): TrustedPath | Trouble {
  for (const of of path) {
    if (of.weak !== undefined) return { fault: 'weak', of, why: of.weak };
    if (of.unsupported.length > 0) return { fault: 'unsupported-critical', of, why: of.unsupported.join(', ') };
  }
  for (let at = wish.purpose === 'ca' ? 0 : 1; at < path.length; at += 1) {
    const trouble = caTrouble(path, at, wish.purpose);
    if (trouble) return trouble;
  }
  const trouble = purposeTrouble(path, wish) ?? revocationTrouble(path, wish) ?? timeTrouble(path, wish);
  if (trouble) return trouble;
  const ends = wish.tolerate === 'expired-leaf' ? path.slice(1) : path;
  return {
    ok: true,
    path: path.map(({ certificate }) => certificate),
    validity: {
      notBefore: Math.max(...path.map(({ notBefore }) => notBefore)),
      notAfter: Math.min(...ends.map(({ notAfter }) => notAfter)),
    },
  };
}

/** The nearer to being trusted, the higher: of several paths the one that came furthest says what is wrong. */
const nearness: Record<PathFault, number> = {
  malformed: 0,
  untrusted: 0,
  'bad-signature': 1,
  weak: 2,
  'unsupported-critical': 2,
  'not-a-ca': 2,
  'path-too-long': 2,
  'name-forbidden': 2,
  'wrong-purpose': 3,
  'wrong-host': 4,
  revoked: 5,
  'not-yet-valid': 6,
  expired: 6,
};

/**
 * Whether the leaf is to be trusted, by which path, and else what is wrong, in the order of `PathFault`: faults of trust
 * come before those of time. Pure: it asks no clock and no network.
 */
export function validatePath(wish: PathWish): TrustedPath | PathRefusal {
  const [first, ...rest] = wish.chain.slice(0, mostCertificates);
  const leaf = first && factsOf(first);
  if (!leaf) return { ...refuse({ fault: 'malformed', of: undefined }), certificate: first };
  const read = (certificates: readonly X509Certificate[]): Facts[] => certificates.flatMap((one) => factsOf(one) ?? []);
  const anchors = read(wish.anchors);
  const between = read(rest);
  const isAnchor = (one: Facts): boolean =>
    anchors.some(({ certificate }) => certificate.raw.equals(one.certificate.raw));
  let left = mostSignatures;
  let worst: Trouble = { fault: 'untrusted', of: leaf };

  const note = (trouble: Trouble): void => {
    if (nearness[trouble.fault] > nearness[worst.fault]) worst = trouble;
  };

  /** Depth first: anchors before what was shown, so that the shortest path is tried first. */
  function follow(path: readonly Facts[]): TrustedPath | undefined {
    const last = path.at(-1)!;
    if (path.length >= longestPath) return undefined;
    for (const issuer of [...anchors, ...between]) {
      if (path.some(({ certificate }) => certificate === issuer.certificate) || !mayHaveIssued(issuer, last)) continue;
      if (left-- <= 0) return undefined;
      if (!verifies(last.certificate, issuer.certificate)) {
        note({ fault: 'bad-signature', of: last });
        continue;
      }
      const longer = [...path, issuer];
      if (!isAnchor(issuer)) {
        const found = follow(longer);
        if (found) return found;
        continue;
      }
      const verdict = judge(longer, wish);
      if ('ok' in verdict) return verdict;
      note(verdict);
    }
    return undefined;
  }

  if (wish.purpose === 'ca' && isAnchor(leaf)) {
    const verdict = judge([leaf], wish);
    return 'ok' in verdict ? verdict : refuse(verdict);
  }
  return follow([leaf]) ?? refuse(worst);
}
