/** The signatures that are taken: ECDSA and RSA PKCS#1 v1.5 with SHA-256 or better (RFC 5758 section 3.2, RFC 8017). */
import { oids } from './oids.js';

export const algorithms: Record<string, { key: 'ec' | 'rsa'; hash: string } | undefined> = {
  [oids.ecdsaSha256]: { key: 'ec', hash: 'sha256' },
  [oids.ecdsaSha384]: { key: 'ec', hash: 'sha384' },
  [oids.ecdsaSha512]: { key: 'ec', hash: 'sha512' },
  [oids.rsaSha256]: { key: 'rsa', hash: 'sha256' },
  [oids.rsaSha384]: { key: 'rsa', hash: 'sha384' },
  [oids.rsaSha512]: { key: 'rsa', hash: 'sha512' },
};
