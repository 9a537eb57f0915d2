import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { keyHash } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { commonNameOf } from '#common/pki/subject.js';
import { isBoxId } from '#contract/box-id.js';
import { Refusal } from '#contract/problems.js';

const fingerprintOf = (one: X509Certificate): string => one.fingerprint256.replace(/:/g, '').toLowerCase();

export const isPinned = (rootPem: string, pin: string): boolean => fingerprintOf(new X509Certificate(rootPem)) === pin;

/**
 * The root among what the provider says its CA certificates are, as PEM.
 * @param pin SHA-256 of its DER, lower-case hex
 * @throws Refusal `ca-mismatch`
 */
export function pinnedRoot(certificates: readonly X509Certificate[], pin: string): string {
  const root = certificates.find((one) => fingerprintOf(one) === pin);
  if (!root?.ca || !root.checkIssued(root) || !root.verify(root.publicKey)) {
    const shown = certificates.map(fingerprintOf).join(', ');
    throw new Refusal('ca-mismatch', `wanted ${pin}, was shown ${shown || 'none'}`);
  }
  return certificateToPem(root.raw);
}

const mismatch = (detail: string): Refusal => new Refusal('certificate-mismatch', detail);

/**
 * What came back is for this key, for a box (this one, when it has a name already), and leads to the pinned root.
 * @throws Refusal `certificate-mismatch`
 */
export function checkIssued(wish: {
  chain: readonly X509Certificate[];
  key: KeyObject;
  rootPem: string;
  box?: string;
}): void {
  const [leaf, ...above] = wish.chain;
  if (!leaf) throw mismatch('no certificate');
  const name = commonNameOf(leaf);
  if (!isBoxId(name)) throw mismatch(`the subject ${leaf.subject} is no box id`);
  if (wish.box !== undefined && name !== wish.box) throw mismatch(`it is for ${name}, not ${wish.box}`);
  if (keyHash(leaf.publicKey) !== keyHash(createPublicKey(wish.key))) throw mismatch('it is for another key');
  if (leaf.ca) throw mismatch('it is a certification authority');
  const root = new X509Certificate(wish.rootPem);
  let below = leaf;
  for (const issuer of [...above.filter((one) => one.fingerprint256 !== root.fingerprint256), root]) {
    if (!issuer.ca || !below.checkIssued(issuer) || !below.verify(issuer.publicKey))
      throw mismatch('it does not lead to the pinned root');
    below = issuer;
  }
}
