/**
 * Factory identities (IEEE 802.1AR IDevID) of accredited makers. TLS has shown that the device holds the key; the chain
 * is judged here, with the time passed in.
 */
import type { X509Certificate } from 'node:crypto';
import { validatePath } from '#common/pki/path.js';
import type { FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';

export interface Maker {
  /** In the alliance's directory. */
  id: string;
  name: string;
  ca: X509Certificate;
}
