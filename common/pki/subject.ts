import type { X509Certificate } from 'node:crypto';

/** The CN of a certificate whose subject holds nothing else, as a box's does; undefined for any other. */
export function commonNameOf(certificate: X509Certificate): string | undefined {
  return /^CN=([a-z0-9-]+)$/.exec(certificate.subject)?.[1];
}
