/** What a box is called, and what is printed on it. */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';

/** Of the hardware; printable in a certificate's subject (X.520 serialNumber is a PrintableString). */
export const Serial = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$', description: 'serial number' });

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** `webizen-XXXX`: short enough for a label, made from the serial so that label and box agree without being told. */
export function boxName(serial: string): string {
  const digest = createHash('sha256').update(`webizen name ${serial}`).digest();
  return `webizen-${[...digest.subarray(0, 4)].map((byte) => alphabet[byte & 31]).join('')}`;
}

/** The label's link, where an unowned box answers. The code stands behind `#`, so that no server is sent it by a click. */
export const setupLink = (printedCode: string): string => `http://webizen.local/#code=${printedCode}`;

/** Undefined when the fragment (with or without its `#`) holds no code. */
export const codeInFragment = (fragment: string): string | undefined =>
  new URLSearchParams(fragment.replace(/^#/, '')).get('code') ?? undefined;
