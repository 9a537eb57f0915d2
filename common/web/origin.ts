/** Where a browser's request came from. Pure. */
import type { IncomingHttpHeaders } from 'node:http';

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** The host without port and brackets, in lower case. */
export const hostName = (authority: string): string =>
  authority
    .toLowerCase()
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1');

/**
 * Whether the Host header names this console. On loopback there is no certificate to say so, and a page of anybody's may
 * have its own name resolve to 127.0.0.1 (DNS rebinding): it then arrives with that name in Host.
 */
export function isOwnHost(headers: IncomingHttpHeaders, listening: string): boolean {
  if (headers.host === undefined) return false;
  if (!isLoopback(listening)) return true;
  return isLoopback(hostName(headers.host));
}

/**
 * `same`: this console's own page. `other`: another site, or another port of this host, which SameSite lets through.
 * `unknown`: no browser that says, such as curl.
 */
export function siteOf(headers: IncomingHttpHeaders): 'same' | 'other' | 'unknown' {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'same' : 'other';
  if (headers.origin === undefined) return 'unknown';
  const origin = URL.canParse(headers.origin) ? new URL(headers.origin).host : undefined;
  return origin !== undefined && origin === headers.host?.toLowerCase() ? 'same' : 'other';
}

/** The value of one cookie in a Cookie header (RFC 6265 section 4.2.1). */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
