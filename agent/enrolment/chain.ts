import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import type { Trust } from '#common/checked-tls.js';
import { keyHash } from '#common/pki/keys.js';
import { type Moment, validatePath } from '#common/pki/path.js';
import { commonNameOf } from '#common/pki/subject.js';
import { isBoxId } from '#contract/box-id.js';
import { Refusal } from '#contract/problems.js';

export const fingerprintOf = (one: X509Certificate): string => one.fingerprint256.replace(/:/g, '').toLowerCase();

/**
 * What the box trusts: the root that matched its pin, and those that were vouched for since, oldest first; and the CAs
 * below them that the provider showed, which are worth what a path through them is.
 */
export interface Authorities extends Trust {
  anchors: X509Certificate[];
  below: X509Certificate[];
}

const isSelfSigned = (one: X509Certificate): boolean => one.checkIssued(one);

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
  return { anchors: [root], below: certificates.filter((one) => one.ca && !isSelfSigned(one)) };
}

/**
 * Once roots are held, the pin is not asked any more: one of them has to be shown, or to have signed what is.
 * @throws Refusal `ca-mismatch`: a new root that none of them vouches for
 */
export function heldAuthorities(roots: readonly X509Certificate[], shown: readonly X509Certificate[]): Authorities {
  const isOurs = (one: X509Certificate): boolean =>
    one.ca && roots.some((root) => one.raw.equals(root.raw) || (one.checkIssued(root) && one.verify(root.publicKey)));
  if (!shown.some(isOurs)) {
    const list = shown.map(fingerprintOf).join(', ');
    throw new Refusal('ca-mismatch', `none of the ${roots.length} roots that are held leads to ${list || 'none'}`);
  }
  return { anchors: [...roots], below: shown.filter((one) => one.ca && !isSelfSigned(one)) };
}

const mismatch = (detail: string): Refusal => new Refusal('certificate-mismatch', detail);

/**
 * What came back is for this key, for a box (this one, when it has a name already), and leads to a root that is trusted.
 * Answers the chain that TLS shows: leaf first, without the root, and up to the oldest root that it leads to: a broker
 * may not have been told of a new one yet. RFC 7030 section 4.2.3 wants the leaf alone in the
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
  const verdicts = trust.anchors.map((anchor) =>
    validatePath({
      chain: [...wish.answer, ...(trust.below ?? [])],
      anchors: [anchor],
      at: typeof at === 'number' ? { atLeast: at } : at,
      purpose: 'clientAuth',
    }),
  );
  const good = verdicts.find((one) => one.ok);
  if (good) return good.path.slice(0, -1);
  throw mismatch(verdicts.map((one) => (one.ok ? '' : one.detail)).at(-1) ?? 'there is no root');
}
