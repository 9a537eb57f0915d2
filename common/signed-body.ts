/** A body signed with a secret that both sides hold: HMAC-SHA256 (RFC 2104) over the time and the body, in one header. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const macOf = (secret: string, seconds: number | string, body: string | Buffer): Buffer =>
  createHmac('sha256', secret).update(`${seconds}.`).update(body).digest();

/** `t={seconds since 1970},v1={hex}`, over `{seconds}.{body}`. */
export const signBody = (secret: string, seconds: number, body: string): string =>
  `t=${seconds},v1=${macOf(secret, seconds, body).toString('hex')}`;

/** A signature is as good as its time is near. */
export const longestSkewSeconds = 300;

/** @param now milliseconds since 1970 */
export function isSignedBody(secret: string, header: string, body: Buffer, now: number): boolean {
  const [, seconds = '', mac = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  const isRight = timingSafeEqual(macOf(secret, seconds, body), Buffer.from(mac.padEnd(64, '0'), 'hex'));
  return isRight && Math.abs(Number(seconds) - now / 1000) <= longestSkewSeconds && mac !== '';
}
