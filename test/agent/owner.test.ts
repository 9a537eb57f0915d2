/** The owner's console as programs and attackers meet it: a real port, a real owner's key and ledger. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import multicastDns from 'multicast-dns';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import type { Membership } from '#contract/membership.js';
import { OwnerState, OwnerView } from '#contract/owner.js';
import { check } from '#contract/parse.js';
import { sessionLimits } from '../../agent/owner/access.js';
import { isOurHost } from '../../agent/owner/hosts.js';
import { createLocalNames } from '../../agent/owner/mdns.js';
import { givesWay } from '../../agent/owner/mdns-records.js';
import { setupPage } from '../../agent/owner/setup.js';
import { createTries, delayAfter } from '../../agent/owner/tries.js';
import { findings, headline } from '../../agent/owner/web/care.js';
import { isOwn, placeName } from '../../agent/owner/web/places.js';
import { strengthOf } from '../../agent/owner/web/strength.js';
import { createManualClock } from '../support/manual-clock.js';
import { passphrase, setupCode, startOwnerConsole } from '../support/owner-console.js';

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  code: string | undefined;
  json: unknown;
  cookie: string | undefined;
}

interface Ask {
  method?: string;
  body?: unknown;
  raw?: string;
  headers?: OutgoingHttpHeaders;
  cookie?: string | undefined;
  secure?: boolean;
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;

/** As the console's own page would ask, unless the test says otherwise. */
async function ask(
  port: number,
  address: string,
  { method = 'GET', body, raw, headers, cookie, secure }: Ask = {},
): Promise<Answer> {
  const sent = raw ?? (body === undefined ? '' : JSON.stringify(body));
  const scheme = secure ? 'https' : 'http';
  const options = {
    host: '127.0.0.1',
    port,
    path: address,
    method,
    rejectUnauthorized: false,
    agent: false as const,
    headers: {
      host: `127.0.0.1:${port}`,
      accept: 'application/json',
      ...(method === 'GET'
        ? {}
        : { origin: `${scheme}://127.0.0.1:${port}`, 'content-length': Buffer.byteLength(sent) }),
      ...(sent ? { 'content-type': 'application/json' } : {}),
      ...(cookie ? { cookie } : {}),
      ...headers,
    },
  };
  const asked = secure ? secureRequest(options) : request(options);
  asked.end(sent);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const answer = await text(response);
  const isJson = /json/.test(response.headers['content-type'] ?? '');
  const json: unknown = isJson && answer ? JSON.parse(answer) : undefined;
  const code = field(json, 'code');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    code: typeof code === 'string' ? code : undefined,
    json,
    cookie: response.headers['set-cookie']?.[0]?.split(';')[0],
  };
}

const post = (port: number, address: string, body: unknown, more: Ask = {}) =>
  ask(port, address, { method: 'POST', body, ...more });

/** With no header that says where it comes from, as no browser sends it. */
async function bare(port: number, cookie: string, body: string): Promise<{ code: unknown }> {
  const headers = { host: `127.0.0.1:${port}`, cookie, 'content-type': 'application/json' };
  const asked = request({ host: '127.0.0.1', port, path: '/v1/leave', method: 'POST', agent: false, headers });
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { code: field(JSON.parse(await text(response)), 'code') };
}

async function setUp(port: number): Promise<string> {
  const setup = await post(port, '/v1/setup/session', { code: setupCode });
  const owner = await post(port, '/v1/setup/owner', { passphrase }, { cookie: setup.cookie });
  return owner.cookie ?? '';
}

t.test('a box is set up with the code on its label, once', async (t) => {
  const { port, owner } = await startOwnerConsole(t);
  const before = await ask(port, '/v1/state');
  t.ok(check(OwnerState, before.json).ok);
  t.match(before.json, { owned: false, session: 'none', secure: false, forgotten: 'file-missing' });
  t.equal((await post(port, '/v1/setup/owner', { passphrase })).code, 'setup-session-missing');
  t.equal((await post(port, '/v1/session', { passphrase })).code, 'owner-unset');
  t.equal((await ask(port, '/v1/view')).code, 'sign-in-needed');
  const setup = await post(port, '/v1/setup/session', { code: setupCode });
  const rival = await post(port, '/v1/setup/session', { code: setupCode });
  t.equal(setup.status, 204);
  t.equal(
    (await post(port, '/v1/setup/owner', { passphrase: 'short' }, { cookie: setup.cookie })).code,
    'passphrase-weak',
  );
  const set = await post(port, '/v1/setup/owner', { passphrase }, { cookie: setup.cookie });
  t.match(field(set.json, 'recoveryCode'), /^([0-9A-Z]{4}-){5}[0-9A-Z]{4}$/);
  t.not(set.cookie, setup.cookie, 'the session has a new id');
  t.ok(owner.isSet());
  t.equal(
    (await post(port, '/v1/setup/owner', { passphrase }, { cookie: rival.cookie })).code,
    'setup-session-missing',
  );
  t.equal((await post(port, '/v1/setup/session', { code: setupCode })).code, 'owner-set');
  const view = await ask(port, '/v1/view', { cookie: set.cookie });
  t.ok(check(OwnerView, view.json).ok);
  t.match(view.json, { setup: 'recovery', name: 'webizen-7k3f' });
});

t.test('what the owner decides is in the ledger, signed', async (t) => {
  const { port, ledger } = await startOwnerConsole(t);
  const cookie = await setUp(port);
  await post(port, '/v1/recovery-code/saved', undefined, { cookie });
  t.equal(
    (await ask(port, '/v1/jurisdiction', { method: 'PUT', body: { jurisdiction: 'au' }, cookie })).code,
    'body-invalid',
  );
  t.equal(
    (await ask(port, '/v1/jurisdiction', { method: 'PUT', body: { jurisdiction: 'AU-NSW' }, cookie })).status,
    204,
  );
  t.equal((await post(port, '/v1/setup/done', undefined, { cookie })).code, 'setup-unfinished');
  await post(port, '/v1/session', { passphrase: 'wrong wrong wrong' });
  await post(port, '/v1/session', { passphrase: 'wrong wrong wrong' });
  await post(port, '/v1/session', { passphrase });
  const entries = await ledger.entries({ limit: 10 });
  t.same(
    entries.map(({ type }) => type),
    ['owner.set', 'jurisdiction', 'sign-in-failed', 'sign-in'],
  );
  t.match(entries[2]?.facts, { count: 2 }, 'repeats are one entry');
  t.ok(entries.filter(({ by }) => by === 'owner').every(({ signature }) => signature));
  const page = await ask(port, '/v1/ledger?limit=2', { cookie });
  t.match(page.json, { more: true, entries: [{ type: 'sign-in' }, { type: 'sign-in-failed' }] });
  t.match((await ask(port, '/v1/ledger?limit=2&before=2', { cookie })).json, { more: false });
  t.equal((await post(port, '/v1/leave', { act: 'reset', word: 'yes' }, { cookie })).code, 'word-missing');
});

t.test('an earlier time counts when the owner has seen it and says so', async (t) => {
  const { port, ledger, box } = await startOwnerConsole(t);
  const cookie = await setUp(port);
  const confirm = (offered: number, more: Ask = { cookie }) => post(port, '/v1/time', { offered }, more);
  const offered = Date.now() - 400 * 86_400_000;
  t.equal((await confirm(offered)).code, 'time-not-offered');
  box.offered = offered;
  t.match((await ask(port, '/v1/view', { cookie })).json, { status: { time: { offered } } });
  t.equal((await confirm(offered, {})).code, 'sign-in-needed');
  t.equal((await confirm(offered - 86_400_000)).code, 'time-changed', 'what was not seen is not confirmed');
  t.equal(box.offered, offered);
  t.equal((await confirm(offered - 60_000)).status, 204);
  t.equal(box.offered, null);
  const [entry] = await ledger.entries({ limit: 1, newestFirst: true });
  t.match(entry, { by: 'owner', type: 'time-confirmed', facts: { to: offered }, signature: String });
});

t.test('guessing is slow for all, and never keeps the owner out', async (t) => {
  const clock = createManualClock();
  const tries = createTries({ clock, random: () => 0 });
  t.teardown(() => tries.stop());
  const wrong = (address: string) => tries.attempt(address, async () => undefined);
  for (let turn = 0; turn < 3; turn += 1) t.equal(await wrong('10.0.0.66'), undefined);
  t.equal(tries.waitSeconds(), 1);
  // A stranger with as many addresses as it likes keeps on guessing for an hour.
  let judged = 0;
  let isOver = false;
  const guess = async (address: string): Promise<void> => {
    while (!isOver) {
      await tries
        .attempt(address, async () => {
          judged += 1;
          return undefined;
        })
        .catch(() => {});
    }
  };
  const guessing = Array.from({ length: 5 }, (_, index) => guess(`10.0.1.${index}`));
  await clock.sleeping();
  await clock.pass(3_600_000);
  t.ok(judged > 0 && judged < 5 * 70, `${judged} guesses in an hour`);
  t.ok(tries.waitSeconds() <= 60, 'a minute at most');
  let entered: string | undefined;
  const owner = tries
    .attempt('10.0.0.7', async () => 'in')
    .then((value) => {
      entered = value;
    });
  await clock.sleeping();
  await clock.pass(60_000);
  await owner;
  t.equal(entered, 'in', 'the right one is taken when its turn comes');
  isOver = true;
  tries.stop();
  await Promise.all(guessing);
  t.equal(delayAfter(100), 60_000);
});

t.test('over the network: the delay grows, one place a source, a restart clears it', async (t) => {
  const ticks = createManualClock();
  const served = await startOwnerConsole(t, { ticks });
  const { port, box } = served;
  const guess = () => post(port, '/v1/setup/session', { code: 'AAAAA-BBBBB' });
  for (let turn = 0; turn < 4; turn += 1) {
    const answer = guess();
    if (turn === 3) {
      t.equal(await ticks.sleeping(), 1000, 'the fourth waits a second');
      t.equal((await guess()).code, 'too-many-attempts', 'and nobody else from there is looked at meanwhile');
      ticks.advance(1000);
    }
    t.equal((await answer).code, 'setup-code-wrong');
  }
  t.match((await ask(port, '/v1/state')).json, { waitSeconds: 2 });
  const right = post(port, '/v1/setup/session', { code: setupCode });
  t.equal(await ticks.sleeping(), 2000);
  t.equal(box.codesTried, 4, 'nothing is looked at before its turn');
  ticks.advance(2000);
  t.equal((await right).status, 204);
  t.match((await ask(port, '/v1/state')).json, { waitSeconds: 0 });
});

t.test('another name in Host is refused: DNS rebinding', async (t) => {
  const { port } = await startOwnerConsole(t);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    '192.0.2.1',
    'webizen-aaaa.local',
    '169.254.169.254',
  ]) {
    const answer = await ask(port, '/v1/state', { headers: { host } });
    t.equal(answer.status, 421, host);
    t.equal(answer.code, 'host-refused');
  }
  for (const host of [
    'webizen-7k3f.local',
    `WEBIZEN-7K3F.local:${port}`,
    'webizen.local.',
    `localhost:${port}`,
    '127.0.0.1',
  ])
    t.equal((await ask(port, '/v1/state', { headers: { host } })).status, 200, host);
  const page = await ask(port, '/', { headers: { host: 'evil.example', accept: 'text/html' } });
  t.match(page.headers['content-type'], /text\/html/, 'a person is told where to go');
  await setUp(port);
  t.equal(
    (await ask(port, '/v1/state', { headers: { host: 'webizen.local' } })).code,
    'host-refused',
    'the lent name is given back',
  );
  await fc.assert(
    fc.asyncProperty(fc.domain(), async (domain) => {
      t.notOk(isOurHost(domain, '192.0.2.7', ['webizen-7k3f.local']));
    }),
    { numRuns: 200 },
  );
  t.ok(isOurHost('[2001:db8::7]:80', '2001:db8::7', []));
  t.ok(isOurHost('192.0.2.7', '::ffff:192.0.2.7', []));
  t.notOk(isOurHost('localhost', '192.0.2.7', []));
});

t.test('a request of another site changes nothing', async (t) => {
  const { port, box } = await startOwnerConsole(t);
  const cookie = await setUp(port);
  const leave = { act: 'reset', word: 'reset' };
  const foreign: OutgoingHttpHeaders[] = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: `http://127.0.0.1:${port + 1}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ];
  t.equal(
    (await bare(port, cookie, JSON.stringify(leave))).code,
    'origin-refused',
    'nor does one that does not say where it is from',
  );
  for (const headers of foreign) {
    t.equal(
      (await post(port, '/v1/leave', leave, { cookie, headers })).code,
      'origin-refused',
      JSON.stringify(headers),
    );
    t.equal(
      (await post(port, '/v1/session', { passphrase }, { headers })).code,
      'origin-refused',
      'nor signs anybody in',
    );
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    t.equal(
      (
        await ask(port, '/v1/leave', {
          method: 'POST',
          raw: JSON.stringify(leave),
          cookie,
          headers: { 'content-type': type },
        })
      ).code,
      'media-type-unsupported',
      type,
    );
  t.equal((await ask(port, '/v1/view', { cookie, headers: { origin: 'http://evil.example' } })).code, 'origin-refused');
  t.same(box.resets, []);
  const { headers } = await ask(port, '/');
  t.match(headers['content-security-policy'], /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/);
  t.match(headers, { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  t.equal(headers['strict-transport-security'], undefined);
});

t.test('sessions: a foreign id is worth nothing, and they end', async (t) => {
  const ticks = createManualClock();
  const { port } = await startOwnerConsole(t, { ticks });
  const planted = `webizen-${port}=${'A'.repeat(43)}`;
  const setup = await post(port, '/v1/setup/session', { code: setupCode }, { cookie: planted });
  t.not(setup.cookie, planted, 'a planted id is not taken over');
  t.match(setup.headers['set-cookie']?.[0], /HttpOnly; SameSite=Strict/);
  const { cookie: first } = await post(port, '/v1/setup/owner', { passphrase }, { cookie: setup.cookie });
  t.equal(
    (await ask(port, '/v1/view', { cookie: setup.cookie })).code,
    'session-ended',
    'the one of the setup is over',
  );
  const { cookie } = await post(port, '/v1/session', { passphrase }, { cookie: first });
  t.not(cookie, first);
  t.equal(
    (await ask(port, '/v1/view', { cookie: first })).code,
    'session-ended',
    'signing in again ends the one before',
  );
  t.equal((await ask(port, '/v1/view', { cookie })).status, 200);
  ticks.advance(sessionLimits.idleMilliseconds - 1);
  t.equal((await ask(port, '/v1/view', { cookie })).status, 200);
  ticks.advance(sessionLimits.idleMilliseconds);
  t.equal((await ask(port, '/v1/view', { cookie })).code, 'session-ended', 'idle');
  const long = (await post(port, '/v1/session', { passphrase })).cookie;
  for (let at = 0; at < sessionLimits.absoluteMilliseconds; at += 1_000_000) {
    await ask(port, '/v1/view', { cookie: long });
    ticks.advance(1_000_000);
  }
  t.equal((await ask(port, '/v1/view', { cookie: long })).code, 'session-ended', 'however busy');
  const one = (await post(port, '/v1/session', { passphrase })).cookie;
  const two = (await post(port, '/v1/session', { passphrase })).cookie;
  const changed = await ask(port, '/v1/passphrase', {
    method: 'PUT',
    body: { current: passphrase, passphrase: 'other words instead' },
    cookie: one,
  });
  t.equal((await ask(port, '/v1/view', { cookie: two })).code, 'session-ended', 'a new passphrase ends all others');
  t.equal((await ask(port, '/v1/session', { method: 'DELETE', cookie: changed.cookie })).status, 204);
  t.equal((await ask(port, '/v1/view', { cookie: changed.cookie })).code, 'session-ended');
});

t.test('large and slow requests are refused', async (t) => {
  const { port } = await startOwnerConsole(t, {
    limits: { requestTimeout: 300, headersTimeout: 200, connectionsCheckingInterval: 50 },
  });
  t.equal((await post(port, '/v1/setup/session', { code: 'A'.repeat(20_000) })).code, 'body-too-large');
  t.equal((await post(port, '/v1/setup/session', { code: 'A'.repeat(201) })).code, 'body-invalid');
  t.equal((await post(port, '/v1/setup/session', undefined, { raw: '{"code":' })).code, 'body-malformed');
  t.equal((await ask(port, '/v1/state', { headers: { 'x-long': 'a'.repeat(20_000) } })).code, 'headers-too-large');
  for (const sent of [
    'POST /v1/setup/session HTTP/1.1\r\nHost: localhost\r\n',
    `POST /v1/setup/session HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: http://127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  ]) {
    const socket = connect(port, '127.0.0.1');
    socket.write(sent);
    t.match(await text(socket), /^HTTP\/1\.1 408 /);
  }
});

t.test('https: a certificate for one name, and no way back to http once the owner said so', async (t) => {
  const served = await startOwnerConsole(t, { httpsPort: 0 });
  const { port, dataDir } = served;
  const secure = served.console().httpsPort() ?? 0;
  const cookie = await setUp(port);
  const only = (more: Ask) =>
    ask(more.secure ? secure : port, '/v1/settings/https-only', { method: 'PUT', body: { only: true }, ...more });
  t.equal((await only({ cookie })).code, 'https-first');
  const inside = await post(secure, '/v1/session', { passphrase }, { secure: true });
  t.match(inside.headers['set-cookie']?.[0], /^__Host-webizen-\d+=.*; HttpOnly; SameSite=Strict; Secure$/);
  const bare = (inside.cookie ?? '').split('=')[1];
  t.equal(
    (await ask(port, '/v1/view', { cookie: `webizen-${port}=${bare}` })).code,
    'session-ended',
    'its session is not taken over http',
  );
  const plain = (cookie.split('=')[1] ?? '').trim();
  t.equal(
    (await ask(secure, '/v1/view', { cookie: `__Host-webizen-${secure}=${plain}`, secure: true })).code,
    'session-ended',
    'nor the other way',
  );
  t.equal((await only({ cookie: inside.cookie, secure: true })).status, 204);
  t.equal((await ask(port, '/v1/view', { cookie })).code, 'https-required');
  t.equal((await post(port, '/v1/session', { passphrase })).code, 'https-required');
  t.match((await ask(port, '/v1/state')).json, {
    httpsOnly: true,
    httpsAddress: `https://webizen-7k3f.local:${secure}`,
  });
  t.equal((await ask(port, '/')).status, 200, 'the page that says so');
  t.equal((await ask(port, '/ca.crt')).headers['content-type'], 'application/x-x509-ca-cert');
  await served.stop();
  await served.startAgain();
  t.equal((await post(port, '/v1/session', { passphrase })).code, 'https-required', 'also after a restart');

  const ca = path.join(dataDir, 'console', 'https-ca.pem');
  const leaf = path.join(dataDir, 'console', 'https.pem');
  const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' });
  t.match(
    openssl(
      'verify',
      '-x509_strict',
      '-CAfile',
      ca,
      '-verify_hostname',
      'webizen-7k3f.local',
      '-purpose',
      'sslserver',
      leaf,
    ),
    /OK/,
  );
  t.match(
    openssl('x509', '-in', ca, '-noout', '-text'),
    /Name Constraints: critical\s+Permitted:\s+DNS:webizen-7k3f.local\s+Excluded/,
  );
  const config = path.join(dataDir, 'evil.cnf');
  for (const name of ['DNS:bank.example', 'IP:192.0.2.1']) {
    await writeFile(config, `subjectAltName=${name}\n`);
    const [key, csr, crt] = ['key', 'csr', 'crt'].map((ending) => path.join(dataDir, `evil.${ending}`)) as [
      string,
      string,
      string,
    ];
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-subj',
      '/CN=x',
      '-out',
      csr,
    );
    openssl('x509', '-req', '-in', csr, '-CA', ca, '-CAkey', ca, '-CAcreateserial', '-extfile', config, '-out', crt);
    t.throws(() => openssl('verify', '-CAfile', ca, crt), `nothing else: ${name}`);
  }
});

t.test('who lost both codes needs the label and the card, unless the owner forbade it', async (t) => {
  const { port, bootDir } = await startOwnerConsole(t);
  const cookie = await setUp(port);
  const wish = { code: setupCode, passphrase: 'another four plain words' };
  t.equal((await post(port, '/v1/session/forgotten', wish)).code, 'forgotten-file-missing');
  const place = path.join(bootDir, 'webizen-forgot-passphrase');
  await writeFile(place, '');
  t.equal((await post(port, '/v1/session/forgotten', { ...wish, code: 'AAAAA-BBBBB' })).code, 'setup-code-wrong');
  const done = await post(port, '/v1/session/forgotten', wish);
  t.equal(done.status, 200);
  t.equal((await ask(port, '/v1/view', { cookie })).code, 'session-ended', 'who was signed in is out');
  t.equal((await post(port, '/v1/session', { passphrase })).code, 'passphrase-wrong');
  await ask(port, '/v1/settings/forgotten', { method: 'PUT', body: { allowed: false }, cookie: done.cookie });
  await writeFile(place, '');
  t.equal((await post(port, '/v1/session/forgotten', wish)).code, 'replace-forbidden');
  t.match((await ask(port, '/v1/state')).json, { forgotten: 'forbidden' });
  const recoveryCode = field(done.json, 'recoveryCode');
  t.equal((await post(port, '/v1/session/recovery', { recoveryCode: 'AAAA', passphrase })).code, 'recovery-wrong');
  t.equal((await post(port, '/v1/session/recovery', { recoveryCode, passphrase })).status, 200);
  t.equal((await post(port, '/v1/session', { passphrase })).status, 204);
});

t.test('event streams: the view when it changes, not past the session, and not without end', async (t) => {
  const served = await startOwnerConsole(t);
  const { port, fed } = served;
  const cookie = await setUp(port);
  const open = () =>
    new Promise<IncomingMessage>((resolve) => {
      const asked = request({
        host: '127.0.0.1',
        port,
        path: '/v1/events',
        agent: false,
        headers: { host: `127.0.0.1:${port}`, cookie },
      });
      asked.on('error', () => {});
      asked.on('response', resolve).end();
    });
  const stream = await open();
  let heard = '';
  stream.setEncoding('utf8').on('data', (part) => {
    heard += part;
  });
  const hears = async (what: RegExp) => {
    while (!what.test(heard)) await once(stream, 'data');
  };
  await hears(/"setup":"recovery"/);
  fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
  await hears(/"phase":"reaching"/);
  const more = await Promise.all(Array.from({ length: 16 }, open));
  t.ok(
    more.some(({ statusCode }) => statusCode === 503),
    'they are counted',
  );
  for (const one of more) one.destroy();
  await served.stop();
});

t.test('the setup is where the box says it is', async (t) => {
  const nobody = {
    phase: 'none',
    electedBy: null,
    territory: null,
    box: null,
    certificate: null,
    requestCode: null,
    problem: null,
  } as const;
  const settings = { recoverySaved: true, ownJurisdiction: 'AU', setupDone: false, httpsOnly: false };
  const at = (current: Partial<Membership['current']>, change = {}) =>
    setupPage({ ...settings, ...change }, { current: { ...nobody, ...current }, next: null, change: null });
  t.equal(at({}, { recoverySaved: false }), 'recovery');
  t.equal(at({}, { ownJurisdiction: null }), 'jurisdiction');
  t.equal(at({}), 'election');
  for (const phase of ['reaching', 'waiting-admission', 'refused'] as const) t.equal(at({ phase }), 'progress');
  t.equal(at({ phase: 'enrolled', electedBy: 'owner' }), 'done');
  t.equal(at({ phase: 'enrolled', electedBy: 'voucher' }), 'election');
  t.equal(at({ phase: 'none' }, { setupDone: true }), null);
});

t.test('what pages work out: own law, strength, care', async (t) => {
  t.ok(isOwn('AU', 'AU-NSW') && isOwn('AU-NSW', 'AU') && isOwn('AU-NSW', 'AU-NSW'));
  t.notOk(isOwn('AU-NSW', 'AU-VIC') || isOwn('AU', 'AT') || isOwn('AU-N', 'AU-NSW'));
  t.equal(placeName('AU-NSW'), 'Australia, NSW');
  t.same(['tram', 'aaaaaaaaaaaa', '123456789012', 'tram lantern', passphrase].map(strengthOf), [
    'short',
    'weak',
    'weak',
    'fair',
    'good',
  ]);
  const { port, box, announce, fed } = await startOwnerConsole(t);
  const cookie = await setUp(port);
  fed.elect({ territory: 'au-nsw-1', ownJurisdiction: 'AU-NSW' });
  fed.enrolled();
  await post(port, '/v1/recovery-code/saved', undefined, { cookie });
  const look = async () => {
    const parsed = check(OwnerView, (await ask(port, '/v1/view', { cookie })).json);
    if (!parsed.ok) throw new Error('not a view');
    return findings(parsed.value);
  };
  t.equal(headline(await look(), true), 'Your box is healthy.');
  box.online = false;
  announce();
  t.equal(headline(await look(), true), 'Your box is offline, and works.');
  box.expired = true;
  t.equal(headline(await look(), true), '2 things need your care.');
});

t.test('names on the local network, with real packets', async (t) => {
  t.ok(givesWay(['192.0.2.1'], ['192.0.2.2']));
  t.notOk(givesWay(['192.0.2.2'], ['192.0.2.1']));
  t.notOk(givesWay(['192.0.2.1'], ['192.0.2.1']));
  t.notOk(givesWay(['192.0.2.200'], ['192.0.2.9']), 'by bytes, not by letters');
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  let owned = false;
  const make = (label: string, address: string, isOwned: () => boolean) => {
    const made = createLocalNames({
      label,
      isOwned,
      links: () => [{ join: '127.0.0.1', addresses: [address] }],
      port,
      clock: systemClock,
      random: Math.random,
      onProblem: (error) => t.fail(error.message),
    });
    t.teardown(() => made.stop());
    return made;
  };
  const until = (names: ReturnType<typeof make>, wanted: readonly string[]) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (names.names().toSorted().join() === wanted.toSorted().join()) resolve();
      };
      names.onChange(look);
      look();
    });
  const first = make('webizen-aaaa', '127.0.0.1', () => owned);
  const second = make('webizen-bbbb', '127.0.0.2', () => false);
  const third = make('webizen-aaaa', '127.0.0.3', () => true);
  first.start();
  await until(first, ['webizen-aaaa.local', 'webizen.local']);
  second.start();
  third.start();
  await Promise.all([until(second, ['webizen-bbbb.local']), until(third, ['webizen-aaaa-2.local'])]);

  const phone = multicastDns({ interface: '127.0.0.1', bind: '0.0.0.0', port });
  t.teardown(() => new Promise<void>((gone) => phone.destroy(gone)));
  const answers = (name: string) =>
    new Promise<string[]>((resolve) => {
      phone.on('response', ({ answers }) => {
        const found = answers.flatMap((one) => (one.type === 'A' && one.name === name ? [String(one.data)] : []));
        if (found.length > 0) resolve(found);
      });
      phone.query(name, 'A');
    });
  t.same(await answers('webizen.local'), ['127.0.0.1']);
  t.same(await answers('webizen-bbbb.local'), ['127.0.0.2']);
  owned = true;
  first.refresh();
  await until(first, ['webizen-aaaa.local']);
  await until(second, ['webizen-bbbb.local', 'webizen.local']);
  t.pass('an owned box gives the common name back, and the next one has it');
});
