import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { keyHash } from '#common/pki/keys.js';
import { commonNameOf } from '#common/pki/subject.js';
import { isBoxId } from '#contract/box-id.js';
import { Refusal } from '#contract/problems.js';

const fingerprintOf = (one: X509Certificate): string => one.fingerprint256.replace(/:/g, '').toLowerCase();

/** What the box trusts: the root that matched its pin, and the CAs below it that the provider showed. */
export interface Authorities {
  root: X509Certificate;
  below: X509Certificate[];
}

/**
 * @param pin SHA-256 of the root's DER, lower-case hex
 * @throws Refusal `ca-mismatch`
 */
export function pinnedAuthorities(certificates: readonly X509Certificate[], pin: string): Authorities {
  const root = certificates.find((one) => fingerprintOf(one) === pin);
  if (!root?.ca || !root.checkIssued(root) || !root.verify(root.publicKey)) {
    const shown = certificates.map(fingerprintOf).join(', ');
    throw new Refusal('ca-mismatch', `wanted ${pin}, was shown ${shown || 'none'}`);
  }
  return { root, below: certificates.filter((one) => one !== root && one.ca) };
}

const mismatch = (detail: string): Refusal => new Refusal('certificate-mismatch', detail);

/**
 * What came back is for this key, for a box (this one, when it has a name already), and leads to the pinned root.
 * Answers the chain that TLS shows: leaf first, without the root. RFC 7030 section 4.2.3 wants the leaf alone in the
 * answer, so what lies between comes from `cacerts`.
 * @throws Refusal `certificate-mismatch`
 */
export function checkIssued(wish: {
  answer: readonly X509Certificate[];
  key: KeyObject;
  authorities: Authorities;
  box?: string;
}): X509Certificate[] {
  const { root, below } = wish.authorities;
  const leaf = wish.answer[0];
  if (!leaf) throw mismatch('no certificate');
  const name = commonNameOf(leaf);
  if (!isBoxId(name)) throw mismatch(`the subject ${leaf.subject} is no box id`);
  if (wish.box !== undefined && name !== wish.box) throw mismatch(`it is for ${name}, not ${wish.box}`);
  if (keyHash(leaf.publicKey) !== keyHash(createPublicKey(wish.key))) throw mismatch('it is for another key');
  if (leaf.ca) throw mismatch('it is a certification authority');
  const chain = [leaf];
  const candidates = [root, ...below];
  for (let last = leaf; ; ) {
    const issuer = candidates.find((one) => one.ca && last.checkIssued(one) && last.verify(one.publicKey));
    if (!issuer || chain.length > candidates.length) throw mismatch('it does not lead to the pinned root');
    if (issuer === root) return chain;
    chain.push(issuer);
    last = issuer;
  }
}
