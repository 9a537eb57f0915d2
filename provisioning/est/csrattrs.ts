/** What a request should look like (RFC 7030 section 4.5.2): a P-256 key, signed with ECDSA and SHA-256. */
import { encode, oid, sequence, set } from '#common/pki/der.js';
import { oids } from '#common/pki/oids.js';

export const csrAttributes = (): Buffer =>
  encode(sequence(sequence(oid(oids.ecPublicKey), set(oid(oids.p256))), oid(oids.ecdsaSha256)));
