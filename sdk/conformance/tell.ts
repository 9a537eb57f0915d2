/** What the box tells: events to the app, statements to its server, notes to the owner, and whom it lets the app call. */
import { verify, X509Certificate } from 'node:crypto';
import { Attestation, AttestationClaims, attestationType } from '#contract/api.js';
import { coversEgress } from '#contract/capabilities.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { beginningOf, call } from './http.js';
import { holds, Mismatch, NotTried, same } from './outcome.js';
import { jsonOf, problemOf, shaped } from './specification.js';
import { json, type Promised, type Trial } from './trial.js';

const attestations = '/v1/identity/attestations';
const notifications = '/v1/notifications';
const audience = 'https://conformance.example';
const nonce = 'conformance';

/** @throws NotTried when the box says that it cannot now, which it may */
async function tellable(trial: Trial, id: string, body: unknown) {
  const answer = await trial.ask(id, undefined, json(body));
  if (answer.status < 400) return answer;
  const code = problemOf(trial.specification, answer);
  if (/^(attest-|notifications-too-many|unavailable|disk-full)/.test(code)) throw new NotTried(`refused as ${code}`);
  throw new Mismatch('an answer', `${answer.status} ${answer.text}`);
}

function claimsOf(token: string): AttestationClaims {
  const [head = '', body = '', signature = ''] = token.split('.');
  const header: unknown = jsonOf({ text: Buffer.from(head, 'base64url').toString('utf8') });
  const { alg, typ, x5c }: Record<string, unknown> = typeof header === 'object' && header ? { ...header } : {};
  same('alg and typ', [alg, typ], ['ES256', attestationType]);
  const leaf: unknown = Array.isArray(x5c) ? x5c[0] : undefined;
  if (typeof leaf !== 'string') throw new Mismatch('a certificate in x5c', 'none');
  const key = new X509Certificate(Buffer.from(leaf, 'base64')).publicKey;
  const right = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  holds(right, 'a signature of the first certificate in x5c', 'another');
  const claims = parseJson(AttestationClaims, Buffer.from(body, 'base64url'));
  if (!claims.ok) throw new Mismatch('claims', describeFaults(claims.faults));
  return claims.value;
}

/** CONNECT is no operation of the specification: its refusals are problems all the same. */
async function connectRefused(trial: Trial, authority: string, codes: readonly string[]): Promise<void> {
  const answer = await call(trial.place, 'CONNECT', authority);
  if (answer.status < 400) throw new Mismatch(`CONNECT ${authority} is refused`, `status ${answer.status}`);
  const code = problemOf(trial.specification, answer);
  if (code === 'upgrade-refused') throw new NotTried('this box makes no connections for apps');
  holds(codes.includes(code), `CONNECT ${authority} is refused as ${codes.join(' or ')}`, code);
}

export const tell: Promised[] = [
  {
    id: 'events.hello',
    says: 'GET /v1/events is a stream of server-sent events that begins with hello',
    async keep({ place, specification }) {
      const { status, headers, text } = await beginningOf(place, '/v1/events', (all) => /^data:.*\n\n/m.test(all));
      same('status', status, 200);
      const type = headers['content-type'] ?? 'none';
      holds(type.startsWith('text/event-stream'), 'Content-Type: text/event-stream', type);
      holds(headers['cache-control'] === 'no-store', 'Cache-Control: no-store', headers['cache-control'] ?? 'none');
      same('event', /^event: ?(.*)$/m.exec(text)?.[1], 'hello');
      const data = jsonOf({ text: /^data: ?(.*)$/m.exec(text)?.[1] ?? '' });
      shaped(specification.schema('AppEvent'), data, 'an event');
      const said = typeof data === 'object' && data && 'type' in data ? data.type : undefined;
      same('type in the data', said, 'hello');
    },
  },
  {
    id: 'attest.statement',
    says: 'an attestation is signed by the box, for the audience and nonce that were asked for, and good for five minutes',
    async keep(trial) {
      const read = check(Attestation, jsonOf(await tellable(trial, 'postAttestation', { audience, nonce })));
      if (!read.ok) throw new Mismatch('an attestation', describeFaults(read.faults));
      const claims = claimsOf(read.value.token);
      const self = await trial.self();
      same('aud and nonce', [claims.aud, claims.nonce], [audience, nonce]);
      same('app and release', [claims.sub, claims.app, claims.release], [self.id, self.id, self.release]);
      same('iss', claims.iss, `urn:webizen:box:${claims.box}`);
      holds(claims.exp > claims.iat && claims.exp - claims.iat <= 300, 'five minutes at most', claims.exp - claims.iat);
      same('expiresAt', read.value.expiresAt, claims.exp * 1000);
      const again = check(Attestation, jsonOf(await tellable(trial, 'postAttestation', { audience, nonce })));
      holds(again.ok && claimsOf(again.value.token).jti !== claims.jti, 'a jti of its own for each', claims.jti);
    },
  },
  {
    id: 'attest.refusals',
    says: 'an attestation for nobody is refused as body-invalid',
    async keep({ refused }) {
      for (const body of [{}, { audience: '' }, { audience, more: 1 }])
        await refused('body-invalid', 'postAttestation', attestations, json(body));
    },
  },
  {
    id: 'notify.told',
    says: 'a notification with the key of one that is still shown takes its place',
    async keep(trial) {
      const note = { title: 'Conformance', text: 'A trial of this box.', severity: 'info', key: 'webizen-conformance' };
      await tellable(trial, 'postNotification', note);
      same('status of the second', (await tellable(trial, 'postNotification', note)).status, 200);
    },
  },
  {
    id: 'notify.refusals',
    says: 'a notification without title, or with a line break in it, is refused as body-invalid',
    async keep({ refused }) {
      const note = { title: 'Conformance', text: 'A trial.', severity: 'info' };
      for (const wrong of [{ title: '' }, { title: 'a\nb' }, { severity: 'loud' }, { text: 'x'.repeat(1001) }])
        await refused('body-invalid', 'postNotification', notifications, json({ ...note, ...wrong }));
    },
  },
  {
    id: 'egress.target',
    says: 'CONNECT to an address is refused as egress-address, to what is no name and port as egress-target-invalid',
    async keep(trial) {
      for (const address of ['192.0.2.1:443', '127.0.0.1:80', '[::1]:443'])
        await connectRefused(trial, address, ['egress-address']);
      for (const wrong of ['conformance.invalid:0', 'localhost:443'])
        await connectRefused(trial, wrong, ['egress-target-invalid']);
    },
  },
  {
    id: 'egress.grant',
    says: 'CONNECT to a host that the owner has not granted is refused as grant-missing',
    async keep(trial) {
      const host = 'conformance.invalid';
      const granted = (await trial.self()).grants.some((grant) => coversEgress(grant, host, 443));
      await connectRefused(trial, `${host}:443`, granted ? ['egress-unresolved'] : ['grant-missing']);
    },
  },
];
