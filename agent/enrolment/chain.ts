import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import type { Trust } from '#common/checked-tls.js';
import { keyHash } from '#common/pki/keys.js';
import { type Moment, validatePath } from '#common/pki/path.js';
import { commonNameOf } from '#common/pki/subject.js';
import { isBoxId } from '#contract/box-id.js';
import { Refusal } from '#contract/problems.js';

const fingerprintOf = (one: X509Certificate): string => one.fingerprint256.replace(/:/g, '').toLowerCase();

/** What the box trusts: the root that matched its pin, and the CAs below it that the provider showed. */
export interface Authorities extends Trust {
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
  return { root, anchors: [root], below: certificates.filter((one) => one !== root && one.ca) };
}

const mismatch = (detail: string): Refusal => new Refusal('certificate-mismatch', detail);

/**
 * What came back is for this key, for a box (this one, when it has a name already), and leads to a root that is trusted.
 * Answers the chain that TLS shows: leaf first, without the root. RFC 7030 section 4.2.3 wants the leaf alone in the
 * answer, so what lies between comes from `cacerts`.
 * @throws Refusal `certificate-mismatch`
 */
export function checkIssued(wish: {
  answer: readonly X509Certificate[];
  key: KeyObject;
  trust: Trust;
  /** It may begin a moment later than that: its issuer's clock made it, and a server's `Date` is cut to the second. */
  at: Moment;
  box?: string;
}): X509Certificate[] {
  const { trust, at } = wish;
  const leaf = wish.answer[0];
  if (!leaf) throw mismatch('no certificate');
  const name = commonNameOf(leaf);
  if (!isBoxId(name)) throw mismatch(`the subject ${leaf.subject} is no box id`);
  if (wish.box !== undefined && name !== wish.box) throw mismatch(`it is for ${name}, not ${wish.box}`);
  if (keyHash(leaf.publicKey) !== keyHash(createPublicKey(wish.key))) throw mismatch('it is for another key');
  if (leaf.ca) throw mismatch('it is a certification authority');
  const verdict = validatePath({
    chain: [...wish.answer, ...(trust.below ?? [])],
    anchors: trust.anchors,
    at: typeof at === 'number' ? { atLeast: at } : at,
    purpose: 'clientAuth',
  });
  if (!verdict.ok) throw mismatch(verdict.detail);
  return verdict.path.slice(0, -1);
}
