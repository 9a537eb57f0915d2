/** How requests are read: each has one meaning, or is refused. */
import { call, openStream, type Place, sendRaw } from './http.js';
import { holds, Mismatch, same } from './outcome.js';
import { parsed, refusal } from './refusals.js';
import { jsonOf } from './specification.js';
import type { Promised } from './trial.js';

const head = (line: string, ...fields: string[]): string =>
  `${[line, 'Host: localhost', ...fields].join('\r\n')}\r\n\r\n`;
const last = head('GET /v1/self HTTP/1.1', 'Connection: close');

const statusesIn = (raw: string): number[] =>
  [...raw.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, code]) => Number(code));

/** More than any implementation lets one app have. */
const manyStreams = 17;

async function openMany(
  place: Place,
): Promise<{ refused: Awaited<ReturnType<typeof openStream>> | undefined; open: number }> {
  const streams: Awaited<ReturnType<typeof openStream>>[] = [];
  try {
    for (let count = 0; count < manyStreams; count += 1) {
      const stream = await openStream(place, '/v1/events');
      if (stream.answer) return { refused: stream, open: count };
      streams.push(stream);
    }
    return { refused: undefined, open: manyStreams };
  } finally {
    for (const { close } of streams) close();
  }
}

export const requests: Promised[] = [
  {
    id: 'requests.one-meaning',
    says: 'a request that two readers would take for different things is refused as request-malformed, with all behind it',
    async keep({ place, specification }) {
      const get = 'GET /v1/box HTTP/1.1';
      const post = 'POST /v1/storage:batch HTTP/1.1';
      for (const [what, request] of Object.entries({
        'a length and chunks': `${head(post, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
        'two lengths': `${head(post, 'Content-Length: 5', 'Content-Length: 6')}abcde`,
        'a length that is no number': `${head(post, 'Content-Length: +5')}abcde`,
        'a folded field': head(get, 'X: a\r\n b'),
        'a field with a NUL': head(get, 'X: a\0b'),
      })) {
        const raw = await sendRaw(place, request + last);
        same(`${what}: one answer`, statusesIn(raw), [400]);
        refusal(specification, parsed(raw), 400, 'request-malformed');
      }
      const two = head(get, 'Host: other', 'Connection: close');
      refusal(specification, parsed(await sendRaw(place, two)), 400, 'request-malformed');
    },
  },
  {
    id: 'requests.whole-address',
    says: 'a whole address in place of a path, as a proxy is sent, is refused as target-absolute',
    async keep({ place, specification }) {
      for (const target of ['http://localhost/v1/box', 'http://127.0.0.1:1/'])
        refusal(specification, await call(place, 'GET', target), 400, 'target-absolute');
    },
  },
  {
    id: 'requests.upgrade',
    says: 'a change of protocol is refused as upgrade-refused',
    async keep({ place, specification }) {
      const wish = head('GET /v1/box HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket');
      refusal(specification, parsed(await sendRaw(place, wish)), 400, 'upgrade-refused');
    },
  },
  {
    id: 'requests.ahead',
    says: 'requests that are sent ahead on one connection are answered in their order',
    async keep({ place }) {
      const ahead = head('GET /v1/box HTTP/1.1') + head('GET /v1/no-such-thing HTTP/1.1') + last;
      same('statuses', statusesIn(await sendRaw(place, ahead)), [200, 404, 200]);
    },
  },
  {
    id: 'requests.who',
    says: 'who the app is stands in no field of a request',
    async keep({ place, self }) {
      const headers = {
        host: 'other',
        'x-webizen-app': 'other',
        forwarded: 'for=other',
        authorization: 'Bearer other',
      };
      const answer = jsonOf(await call(place, 'GET', '/v1/self', { headers }));
      const id = typeof answer === 'object' && answer && 'id' in answer ? answer.id : undefined;
      same('id', id, (await self()).id);
    },
  },
  {
    id: 'events.bounded',
    says: 'of one app 16 event streams are open at once; the next is refused as streams-too-many, and when to come back',
    async keep({ place, specification }) {
      const { refused, open } = await openMany(place);
      if (!refused?.answer) throw new Mismatch('16 streams at most', `${open} streams`);
      refusal(specification, refused.answer, 429, 'streams-too-many');
      holds(
        /^[0-9]+$/.test(refused.answer.headers['retry-after'] ?? ''),
        'Retry-After in seconds',
        refused.answer.headers,
      );
    },
  },
];
