/** The operator's API, sign-in, event stream and metrics, over real sockets. */
import { generateKeyPairSync } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import fc from 'fast-check';
import forge from 'node-forge';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { isOwnHost, siteOf } from '#common/web/origin.js';
import { createSessions } from '#common/web/sessions.js';
import { BoxDetail, BoxSummary, Claim, CreatedClaim, FleetEvent, StoredSample } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { Problem } from '#contract/problems.js';
import { sessionLimits } from '../../provisioning/console/session-limits.js';
import { parseTime } from '../../provisioning/console/times.js';
import { boxOf, secret, startConsole, territory } from '../support/console.js';

const { idleMilliseconds, absoluteMilliseconds } = sessionLimits;

const bearer = { authorization: `Bearer ${secret}` };

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  json: unknown;
}

interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

function ask(url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const typed = body === undefined ? headers : { 'content-type': 'application/json', ...headers };
    const options = { method, headers: typed, agent: false } as const;
    const open = url.startsWith('https:')
      ? (heard: (reply: IncomingMessage) => void) =>
          secureRequest(url, { ...options, rejectUnauthorized: false }, heard)
      : (heard: (reply: IncomingMessage) => void) => request(url, options, heard);
    const call = open((reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (part: string) => {
        text += part;
      });
      reply.on('end', () => {
        const isJson = /json/.test(reply.headers['content-type'] ?? '');
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          text,
          json: isJson ? JSON.parse(text) : null,
        });
      });
    });
    call.on('error', reject);
    call.end(typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body));
  });
}

const codeOf = (answer: Answer): string => {
  const parsed = check(Problem, answer.json);
  return parsed.ok ? parsed.value.code : `no problem: ${answer.status} ${answer.text}`;
};

/** A clock whose now the test moves. */
function movableClock() {
  const clock = { ...systemClock, at: 1_790_000_000_000, now: () => clock.at };
  return clock;
}

const cookieOf = (answer: Answer): string => answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';

t.test('the boxes are a bare array in pages, each shaped as the contract says', async (test) => {
  const { url, fleet } = await startConsole(test);
  const now = Date.now();
  for (let index = 0; index < 120; index += 1) {
    const id = `box-${String(index).padStart(4, '0')}`;
    fleet.boxes.set(id, boxOf(id, now));
  }
  const first = await ask(`${url}/v1/boxes`, { headers: bearer });
  test.equal(first.status, 200);
  test.ok(
    Array.isArray(first.json) && first.json.length === 100 && first.json.every((box) => check(BoxSummary, box).ok),
  );
  const rest = await ask(`${url}/v1/boxes?after=box-0099&limit=1000`, { headers: bearer });
  test.ok(Array.isArray(rest.json) && rest.json.length === 20);
  for (const query of ['limit=0', 'limit=1001', 'limit=ten', 'limit=1.5'])
    test.equal(codeOf(await ask(`${url}/v1/boxes?${query}`, { headers: bearer })), 'body-invalid', query);

  const one = await ask(`${url}/v1/boxes/box-0007`, { headers: bearer });
  test.ok(check(BoxDetail, one.json).ok);
  test.equal(codeOf(await ask(`${url}/v1/boxes/box-none0`, { headers: bearer })), 'box-unknown');
  test.equal(codeOf(await ask(`${url}/v1/nothing`, { headers: bearer })), 'not-found');
  test.same((await ask(`${url}/v1/territory`, { headers: bearer })).json, territory);

  const revoked = await ask(`${url}/v1/boxes/box-0007/revoke`, { method: 'POST', headers: bearer });
  test.match(revoked.json, { id: 'box-0007', state: 'revoked' });
  test.equal(codeOf(await ask(`${url}/v1/boxes/box-none0/revoke`, { method: 'POST', headers: bearer })), 'box-unknown');
});

t.test('samples are asked for by milliseconds or ISO 8601, and a time that is none is refused', async (test) => {
  const { url, fleet } = await startConsole(test);
  const from = Date.parse('2026-10-01T00:00:00Z');
  const id = 'box-00000001';
  fleet.boxes.set(id, boxOf(id, from));
  for (let index = 0; index < 60; index += 1)
    fleet.sample(id, { at: from + index * 60_000, values: { 'hw.temperature': index } });
  const get = (query: string) => ask(`${url}/v1/boxes/${id}/health?${query}`, { headers: bearer });
  const counted = (answer: Answer) =>
    Array.isArray(answer.json) && answer.json.every((sample) => check(StoredSample, sample).ok)
      ? answer.json.length
      : -1;
  test.equal(counted(await get(`from=${from}&to=${from + 9 * 60_000}`)), 10);
  test.equal(counted(await get('from=2026-10-01T00:00:00Z&to=2026-10-01T00:09:00.000Z')), 10);
  test.equal(counted(await get('from=2026-10-01T10:00:00+10:00&to=2026-10-01T10:09:00%2B10:00')), 10, 'with an offset');
  test.equal(counted(await get('to=2026-10-01T01:00:00Z')), 60, 'without from: the hour before');
  test.equal(counted(await get(`from=${from}&limit=7`)) <= 7, true, 'thinned to the limit');
  for (const query of [
    'from=yesterday',
    'to=-5',
    'from=2026-13-01',
    `from=${from}&to=${from - 1}`,
    'from=99999999999999999',
  ])
    test.equal(codeOf(await get(query)), 'time-invalid', query);
});

t.test('a time is either parsed to a valid one or not at all', async (test) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9T:Z .+-]{0,30}$/)), (text) => {
      const time = parseTime(text);
      return time === undefined || (Number.isFinite(time) && !Number.isNaN(new Date(time).getTime()));
    }),
  );
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
      (date) => parseTime(date.toISOString()) === date.getTime(),
    ),
  );
  test.pass();
});

t.test('claims are created, listed and revoked, and a wrong wish is refused, not mended', async (test) => {
  const { url } = await startConsole(test);
  const created = await ask(`${url}/v1/claims`, { method: 'POST', headers: bearer, body: { label: 'Rose St' } });
  test.equal(created.status, 201);
  const claim = check(CreatedClaim, created.json);
  if (!claim.ok) return test.fail('not a created claim');
  const listed = await ask(`${url}/v1/claims`, { headers: bearer });
  test.ok(Array.isArray(listed.json) && listed.json.every((entry) => check(Claim, entry).ok));
  test.notMatch(listed.text, claim.value.code, 'the code is shown once');
  const one = `${url}/v1/claims/${claim.value.id}`;
  test.equal((await ask(one, { method: 'DELETE', headers: bearer })).status, 204);
  test.equal(codeOf(await ask(`${url}/v1/claims/none`, { method: 'DELETE', headers: bearer })), 'claim-id-unknown');

  const post = (body: unknown, headers = {}) =>
    ask(`${url}/v1/claims`, { method: 'POST', headers: { ...bearer, ...headers }, body });
  test.equal(codeOf(await post({ lifetimeSeconds: '3600' })), 'body-invalid', 'text is not a number');
  test.equal(codeOf(await post({ lable: 'x' })), 'body-invalid', 'an unknown field');
  test.equal(codeOf(await post('{"label":')), 'body-malformed');
  test.equal(codeOf(await post({ label: 'x'.repeat(20_000) })), 'body-too-large');
  test.equal(codeOf(await post('label=x', { 'content-type': 'text/plain' })), 'media-type-unsupported');
});

t.test('without the secret or a session nothing is told', async (test) => {
  const { url, events } = await startConsole(test);
  const paths = ['/v1/boxes', '/v1/boxes/box-00000001', '/v1/claims', '/v1/events', '/v1/territory', '/metrics'];
  for (const where of paths) {
    const answer = await ask(url + where);
    test.equal(answer.status, 401, where);
    test.equal(codeOf(answer), 'unauthorized');
    test.match(answer.headers, { 'www-authenticate': /^Bearer/, 'content-type': 'application/problem+json' });
  }
  test.equal(codeOf(await ask(`${url}/v1/boxes`, { headers: { authorization: 'Bearer wrong' } })), 'secret-wrong');
  test.match(
    (await events.recent(10)).at(-1),
    { type: 'refused', code: 'secret-wrong' },
    'and the operator can see it',
  );
});

t.test('a session is opened with the secret, and ends by sign-out, by idling and by age', async (test) => {
  const clock = movableClock();
  const { url, port } = await startConsole(test, { clock });
  const signIn = () => ask(`${url}/v1/session`, { method: 'POST', body: { secret } });
  const answer = await signIn();
  test.equal(answer.status, 204);
  const set = answer.headers['set-cookie']?.[0] ?? '';
  test.match(set, /; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/, 'no Secure on plain http');
  test.match(set, `webizen-${port}=`, 'cookies do not tell ports apart, their names do');
  const cookie = cookieOf(answer);
  const look = (given = cookie) => ask(`${url}/v1/boxes`, { headers: { cookie: `other=1; ${given}` } });
  test.equal((await look()).status, 200);
  test.equal(codeOf(await look(`webizen-${port}=made-up`)), 'session-ended');

  const out = await ask(`${url}/v1/session`, { method: 'DELETE', headers: { cookie, origin: url } });
  test.equal(out.status, 204);
  test.match(out.headers['set-cookie']?.[0], /Max-Age=0/);
  test.equal(codeOf(await look()), 'session-ended');

  const idle = cookieOf(await signIn());
  clock.at += idleMilliseconds - 1;
  test.equal((await look(idle)).status, 200, 'use keeps it alive');
  clock.at += idleMilliseconds;
  test.equal(codeOf(await look(idle)), 'session-ended');

  const sessions = createSessions<true>({ clock, limits: sessionLimits });
  const id = sessions.open(true);
  const end = clock.at + absoluteMilliseconds;
  while (clock.at + idleMilliseconds / 2 < end) {
    clock.at += idleMilliseconds / 2;
    test.ok(sessions.use(id) || clock.at >= end);
  }
  clock.at = end;
  test.notOk(sessions.use(id), 'however busy, it ends');
});

t.test('wrong secrets are slowed down, and say when to try again', async (test) => {
  const clock = movableClock();
  const { url } = await startConsole(test, { clock });
  const signIn = (given: string) => ask(`${url}/v1/session`, { method: 'POST', body: { secret: given } });
  for (let index = 0; index < 10; index += 1) test.equal(codeOf(await signIn(`guess ${index}`)), 'secret-wrong');
  const slowed = await signIn(secret);
  test.equal(slowed.status, 429, 'even the right one: else the answer would tell');
  test.equal(codeOf(slowed), 'too-many-attempts');
  test.equal(slowed.headers['retry-after'], '60');
  test.equal((await ask(`${url}/v1/boxes`, { headers: bearer })).status, 429, 'by header as well');
  clock.at += 60_000;
  test.equal((await signIn(secret)).status, 204);
});

t.test('a cookie serves only this console’s own page', async (test) => {
  const { url, port } = await startConsole(test);
  const cookie = cookieOf(await ask(`${url}/v1/session`, { method: 'POST', body: { secret } }));
  const post = (headers: Record<string, string>) =>
    ask(`${url}/v1/claims`, { method: 'POST', headers: { cookie, ...headers }, body: {} });
  test.equal((await post({ origin: url })).status, 201);
  test.equal((await post({ 'sec-fetch-site': 'same-origin' })).status, 201);
  const foreign: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: url },
  ];
  for (const headers of foreign) test.equal(codeOf(await post(headers)), 'origin-refused', JSON.stringify(headers));
  test.equal(codeOf(await post({})), 'origin-refused', 'a write that does not say where from');
  const foreignRead = await ask(`${url}/v1/boxes`, { headers: { cookie, 'sec-fetch-site': 'same-site' } });
  test.equal(codeOf(foreignRead), 'origin-refused', 'nor may another port of this host read');
  const login = { method: 'POST', headers: { origin: 'https://evil.example' }, body: { secret } };
  test.equal(codeOf(await ask(`${url}/v1/session`, login)), 'origin-refused', 'nobody else signs a browser in');
  const rebound = await ask(`${url}/v1/boxes`, { headers: { ...bearer, host: `evil.example:${port}` } });
  test.equal(codeOf(rebound), 'origin-refused', 'a foreign name that resolves to loopback');

  test.ok(isOwnHost({ host: '[::1]:8442' }, '127.0.0.1') && isOwnHost({ host: 'LOCALHOST' }, '127.0.0.1'));
  test.notOk(isOwnHost({ host: '127.0.0.1.evil.example' }, '127.0.0.1') || isOwnHost({}, '0.0.0.0'));
  test.equal(siteOf({ host: 'p.example:8442', origin: 'https://P.example:8442' }), 'same');
});

/** Reads server-sent events until `enough` says so. */
function readStream(url: string, headers: Record<string, string>, enough: (events: FleetEvent[]) => boolean) {
  return new Promise<{ events: FleetEvent[]; raw: string }>((resolve, reject) => {
    const call = request(url, { headers: { ...bearer, ...headers }, agent: false }, (reply) => {
      let raw = '';
      reply.setEncoding('utf8');
      reply.on('data', (part: string) => {
        raw += part;
        const events = [...raw.matchAll(/^data: (.*)\n\n/gm)].map((found): FleetEvent => {
          const parsed = check(FleetEvent, JSON.parse(found[1] ?? ''));
          if (!parsed.ok) throw new Error('not an event');
          return parsed.value;
        });
        if (!enough(events)) return;
        call.destroy();
        resolve({ events, raw });
      });
    });
    call.on('error', (error) => reject(error));
    call.end();
  });
}

t.test('the event stream tells the recent, then the new, and after a cut what was missed', async (test) => {
  const { url, events } = await startConsole(test);
  for (let index = 0; index < 105; index += 1)
    events.record({ type: 'online', box: 'box-00000001', text: `past ${index}` });
  const reading = readStream(`${url}/v1/events`, {}, (found) => {
    if (found.length === 100) {
      events.refused('publish-outside', { box: 'box-00000002' });
      events.announce({ type: 'health', box: 'box-00000001', text: 'new samples' });
    }
    return found.length === 102;
  });
  const first = await reading;
  test.equal(first.events[0]?.text, 'past 5');
  test.match(first.events[100], { type: 'refused', code: 'publish-outside', remedy: /.+/ });
  test.match(first.events[101], { type: 'health', box: 'box-00000001' });
  test.match(first.raw, /^retry: \d+\n\n/);

  events.record({ type: 'offline', box: 'box-00000001', text: 'while away' });
  const last = first.events[99]?.id ?? '';
  const second = await readStream(`${url}/v1/events`, { 'last-event-id': last }, (found) => found.length === 2);
  test.same(
    second.events.map(({ type }) => type),
    ['refused', 'offline'],
    'what was only announced is not told again',
  );
  const ofOne = await ask(`${url}/v1/events?box=box-00000002`, { headers: { ...bearer, accept: 'application/json' } });
  test.match(ofOne.json, [{ code: 'publish-outside' }], 'and as plain JSON for who polls');
});

t.test('a stream ends with its session and with the console', async (test) => {
  const clock = movableClock();
  let wake = () => {};
  const asleep = new Promise<void>((resolve) => {
    clock.sleep = (_milliseconds, signal) =>
      new Promise((done) => {
        wake = done;
        signal?.addEventListener('abort', () => done());
        resolve();
      });
  });
  const served = await startConsole(test, { clock });
  const cookie = cookieOf(await ask(`${served.url}/v1/session`, { method: 'POST', body: { secret } }));
  const open = (headers: Record<string, string>) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      request(`${served.url}/v1/events`, { headers, agent: false }, resolve).on('error', reject).end();
    });
  const ended = async (stream: IncomingMessage) => {
    for await (const _part of stream);
  };
  const bySession = await open({ cookie });
  clock.at += absoluteMilliseconds;
  const over = ended(bySession);
  await asleep;
  wake();
  await over;
  const byStop = ended(await open(bearer)).catch(() => {});
  await served.stop();
  await byStop;
  await served.startAgain();
  test.pass();
});

t.test('metrics are Prometheus text without a label for each box', async (test) => {
  const { url, fleet, claims, events } = await startConsole(test);
  fleet.boxes.set('box-00000001', boxOf('box-00000001', Date.now(), { gaps: 4 }));
  fleet.boxes.set('box-00000002', boxOf('box-00000002', Date.now(), { state: 'offline', gaps: 1 }));
  await claims.create({});
  events.refused('claim-used', {});
  events.refused('claim-used', {});
  events.record({ type: 'something-new', text: 'of a later version' });
  for (const type of ['boot', 'of-a-later-version', 'of-an-attacker']) {
    const said = { seq: 1, at: 1, type, severity: 'info', count: 3, facts: {} } as const;
    events.compose({ type: 'event', box: 'box-00000001', text: 'told', said }).tell();
  }
  const answer = await ask(`${url}/metrics`, { headers: bearer });
  test.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  for (const line of [
    'webizen_boxes{state="online"} 1',
    'webizen_boxes{state="revoked"} 0',
    'webizen_samples_missing 5',
    'webizen_claims{state="open"} 1',
    'webizen_refusals_total{code="claim-used"} 2',
    'webizen_events_total{type="other"} 1',
    'webizen_box_events_total{type="boot",severity="info"} 3',
    'webizen_box_events_total{type="other",severity="info"} 6',
  ])
    test.ok(answer.text.split('\n').includes(line), line);
  test.notMatch(answer.text, /box-0000000/);
  for (const line of answer.text.trimEnd().split('\n'))
    test.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+)$/);
});

t.test('static files are whole, typed, packed and not fetched twice', async (test) => {
  const { url } = await startConsole(test);
  const page = await ask(`${url}/boxes/box-00000001`);
  test.equal(page.status, 200);
  test.match(page.headers, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/,
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  });
  test.notMatch(page.text, /https?:\/\//, 'nothing from a third party');
  let packed = 0;
  for (const name of ['main.js', 'main.css', 'icon.svg']) {
    const asset = await ask(`${url}/${name}`, { headers: { 'accept-encoding': 'gzip' } });
    test.equal(asset.headers['content-encoding'], 'gzip', name);
    packed += Number(asset.headers['content-length']);
    const again = await ask(`${url}/${name}`, { headers: { 'if-none-match': asset.headers.etag ?? '' } });
    test.equal(again.status, 304);
  }
  test.ok(packed < 80_000, `the console is ${packed} bytes compressed`);
  for (const where of ['/../package.json', '/%2e%2e/package.json', '/main.js.map', '/main.js/'])
    test.equal(codeOf(await ask(url + where)), 'not-found', where);
});

/** A certificate that names nobody; what it proves is not asked here. */
function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey);
  certificate.serialNumber = '01';
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  certificate.setSubject([{ name: 'commonName', value: 'console.example' }]);
  certificate.setIssuer(certificate.subject.attributes);
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create());
  return { key: privateKey, cert: forge.pki.certificateToPem(certificate) };
}

t.test('over TLS the cookie is secure and bound to the host', async (test) => {
  const { url, port } = await startConsole(test, { host: '0.0.0.0', tls: selfSigned() });
  const answer = await ask(`${url}/v1/session`, { method: 'POST', body: { secret } });
  test.match(answer.headers['set-cookie']?.[0], /; Secure$/);
  test.match(cookieOf(answer), `__Host-webizen-${port}=`);
  test.equal((await ask(`${url}/v1/boxes`, { headers: { cookie: cookieOf(answer) } })).status, 200);
});

t.test('a port in use is named, and off loopback there is no console without TLS', async (test) => {
  const { port } = await startConsole(test);
  await test.rejects(startConsole(test, { port }), { code: 'port-in-use' });
  await test.rejects(startConsole(test, { host: '0.0.0.0' }), { message: /without TLS/ });
});
