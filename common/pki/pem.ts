/** PEM armour (RFC 7468), and EST's bare base64 (RFC 7030 section 4, RFC 8951 section 3.1). */
import { X509Certificate } from 'node:crypto';

const lines = (der: Uint8Array): string[] =>
  Buffer.from(der.buffer, der.byteOffset, der.byteLength)
    .toString('base64')
    .match(/.{1,64}/g) ?? [];

export const toPem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${lines(der).join('\n')}\n-----END ${label}-----\n`;

export const certificateToPem = (der: Uint8Array): string => toPem('CERTIFICATE', der);

/** Every certificate in the text, in its order. @throws Error when one of them is none */
export const certificatesFromPem = (pem: string): X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (armoured) => new X509Certificate(armoured),
  );

/** Lines of 64 with CRLF: clients in the field read nothing longer. */
export const encodeBody = (der: Uint8Array): string =>
  lines(der)
    .map((line) => `${line}\r\n`)
    .join('');

/** Undefined when it is not base64. White space is forgiven wherever it stands; nothing else is. */
export function decodeBody(body: Uint8Array): Buffer | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1').replace(/\s+/g, '');
  if (text === '' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}
