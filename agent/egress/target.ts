/** What a CONNECT asks for: authority-form, RFC 9112 section 3.2.3, with a name and never an address. */
import type { IncomingMessage } from 'node:http';
import { Refusal } from '#contract/problems.js';

export interface Target {
  /** In lower case, without a final dot. */
  host: string;
  port: number;
}

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** RFC 1123 section 2.1. The last label begins with a letter, so that no spelling of an address is a name. */
const name = new RegExp(`^(?:${label}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);

/** @throws Refusal `egress-target-invalid`, `egress-address` */
export function parseAuthority(authority: string): Target {
  const [, written = '', digits = ''] = /^(.{1,260}):([0-9]{1,5})$/.exec(authority) ?? [];
  const port = Number(digits);
  if (written === '' || port < 1 || port > 65_535) throw new Refusal('egress-target-invalid');
  const host = written.toLowerCase().replace(/\.$/, '');
  if (/^(?:[[:].*|.*[\]:]|[0-9.]+|0x[0-9a-fx.]*|[0-9a-f:]*:[0-9a-f:.]*)$/.test(host))
    throw new Refusal('egress-address');
  if (host.length > 253 || !name.test(host)) throw new Refusal('egress-target-invalid');
  return { host, port };
}

/** @throws Refusal `egress-target-invalid`, `egress-address`, `request-malformed` */
export function targetOf({ url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>): Target {
  // RFC 9110 section 9.3.6: a CONNECT has no content; what is announced as such would be read as the tunnel's first bytes.
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    throw new Refusal('request-malformed', 'a CONNECT has no body');
  return parseAuthority(url);
}
