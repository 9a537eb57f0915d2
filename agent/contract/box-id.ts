import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';

/** Assigned by the provider, never taken on trust from a CSR. It is the certificate's CN and the MQTT user name. */
export const BoxId = Type.String({ pattern: '^[a-z0-9-]{8,40}$' });
export type BoxId = Static<typeof BoxId>;

const pattern = /^[a-z0-9-]{8,40}$/;
export const isBoxId = (text: unknown): text is BoxId => typeof text === 'string' && pattern.test(text);

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** A new id: `box-` and 60 random bits. */
export function newBoxId(): BoxId {
  return `box-${[...randomBytes(12)].map((byte) => alphabet[byte & 31]).join('')}`;
}
