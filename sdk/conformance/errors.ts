/** Refusals: problem details, whatever goes wrong. */
import { maxBatchBytes } from '#contract/api.js';
import { call, sendRaw } from './http.js';
import { same } from './outcome.js';
import { parsed, refusal } from './refusals.js';
import { json, type Promised } from './trial.js';

const batch = '/v1/storage:batch';

export const errors: Promised[] = [
  {
    id: 'errors.unknown-path',
    says: 'an address that is not in the specification is refused as not-found',
    async keep({ place, specification }) {
      for (const path of ['/v1/no-such-thing', '/', '/v0/box'])
        refusal(specification, await call(place, 'GET', path), 404, 'not-found');
    },
  },
  {
    id: 'errors.method',
    says: 'an address that does not take the method is refused as method-not-allowed, with Allow',
    async keep({ place, specification }) {
      const answer = await call(place, 'DELETE', '/v1/box');
      refusal(specification, answer, 405, 'method-not-allowed');
      same('Allow', answer.headers.allow, 'GET');
    },
  },
  {
    id: 'errors.malformed-request',
    says: 'what is no HTTP is refused as request-malformed',
    keep: async ({ place, specification }) =>
      refusal(specification, parsed(await sendRaw(place, 'NONSENSE\r\n\r\n')), 400, 'request-malformed'),
  },
  {
    id: 'errors.headers-too-large',
    says: 'headers beyond the limit are refused as headers-too-large',
    async keep({ place, specification }) {
      const headers = Array.from({ length: 40 }, (_, n) => `x-${n}: ${'x'.repeat(1000)}\r\n`).join('');
      const raw = await sendRaw(place, `GET /v1/box HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`);
      refusal(specification, parsed(raw), 431, 'headers-too-large');
    },
  },
  {
    id: 'errors.bad-json',
    says: 'a body that is no JSON is refused as body-malformed',
    async keep({ refused }) {
      for (const body of ['{', '', '{"operations":[}'])
        await refused('body-malformed', 'batchValues', batch, {
          headers: { 'content-type': 'application/json' },
          body,
        });
    },
  },
  {
    id: 'errors.wrong-shape',
    says: 'a body of another shape is refused as body-invalid, unknown fields too',
    async keep({ refused }) {
      for (const body of [{}, { operations: 'all' }, { operations: [{ op: 'put', key: 'a', value: 'b', more: 1 }] }])
        await refused('body-invalid', 'batchValues', batch, json(body));
    },
  },
  {
    id: 'errors.media-type',
    says: 'a body of another content type is refused as media-type-unsupported',
    keep: async ({ refused }) =>
      void (await refused('media-type-unsupported', 'batchValues', batch, {
        headers: { 'content-type': 'text/plain' },
        body: '{"operations":[]}',
      })),
  },
  {
    id: 'errors.oversize',
    says: 'a body beyond the limit is refused as body-too-large',
    keep: async ({ refused }) =>
      void (await refused('body-too-large', 'batchValues', batch, {
        headers: { 'content-type': 'application/json' },
        body: ' '.repeat(maxBatchBytes + 1),
      })),
  },
];
