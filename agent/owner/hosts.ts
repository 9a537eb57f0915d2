/**
 * DNS rebinding: a page of anybody's may have its own name resolve to this box; it then arrives with that name in Host,
 * and the browser takes the answers for that page's own. So the box answers only to names that it goes by.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hostName, isLoopback } from '#common/web/origin.js';
import type { Refusal } from '#contract/problems.js';

/** Node tells an IPv4 address on a dual-stack socket as IPv6 (RFC 4291 section 2.5.5.2); a link-local one has a zone. */
export const plainAddress = (address: string): string =>
  address
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, '')
    .replace(/%.*$/, '');

/** `localAddress`: the address of this box that the connection came in at. */
export function isOurHost(
  authority: string | undefined,
  localAddress: string | undefined,
  names: readonly string[],
): boolean {
  if (authority === undefined || localAddress === undefined) return false;
  const host = hostName(authority).replace(/\.$/, '');
  const local = plainAddress(localAddress);
  if (names.includes(host)) return true;
  return host === local || (isLoopback(local) && isLoopback(plainAddress(host)));
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Whoever typed or followed a wrong name sees where to go instead of JSON. */
export function sendHostPage(
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
  address: string,
): FastifyReply | undefined {
  if (!/\btext\/html\b/.test(request.headers.accept ?? '')) return undefined;
  const { title, remedy, code } = refusal.problem;
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Webizen box</title><h1>Another name, please</h1><p>${escaped(title)}. What to do: ${escaped(remedy)}.</p>
<p><a href="${escaped(address)}">${escaped(address)}</a></p><p><code>${code}</code></p></html>`;
  return reply.code(refusal.status).type('text/html; charset=utf-8').send(page);
}
