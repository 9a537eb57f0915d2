/**
 * Header names are the same in any case (RFC 9110 section 5.1), except to the EST clients in the field, which look for
 * these letters.
 */
import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from 'node:http';

const spellings: Record<string, string | undefined> = {
  'content-type': 'Content-Type',
  'content-length': 'Content-Length',
  'content-transfer-encoding': 'Content-Transfer-Encoding',
  'www-authenticate': 'WWW-Authenticate',
  'retry-after': 'Retry-After',
};

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

const spell = (headers: Headers | undefined): Headers | undefined =>
  headers === undefined || Array.isArray(headers)
    ? headers
    : Object.fromEntries(Object.entries(headers).map(([name, value]) => [spellings[name] ?? name, value]));

export class SpeltResponse<R extends IncomingMessage = IncomingMessage> extends ServerResponse<R> {
  override writeHead(status: number, second?: string | Headers, third?: Headers): this {
    if (typeof second === 'string') return super.writeHead(status, second, spell(third));
    return super.writeHead(status, spell(second));
  }
}
