/** The owner's API for apps: who may, what is refused, and how a file comes in. */
import { once } from 'node:events';
import t from 'tap';
import { AppOffer, InstalledApp } from '#contract/installed.js';
import { OwnerView } from '#contract/owner.js';
import { check } from '#contract/parse.js';
import type { UploadLimits } from '../../agent/owner/upload.js';
import { conditionOf, wantsCare } from '../../agent/owner/web/app-state.js';
import { findings } from '../../agent/owner/web/care.js';
import { bytes } from '../../agent/owner/web/format.js';
import { cannotDo, sayPermission } from '../../agent/owner/web/permissions.js';
import { line, pick, plain } from '../../agent/owner/web/words-of.js';
import {
  createAppsDesk,
  entryOf,
  installedOf,
  manifestOf,
  offerOf,
  releaseOf,
  successionOf,
} from '../support/apps-desk.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { answerOf, askOwner, member, type OwnerAsk, openRequest, setUpOwner } from '../support/owner-session.js';

const day = 86_400_000;
const octets = { 'content-type': 'application/octet-stream' };

interface Teardown {
  teardown(work: () => unknown): void;
}

async function start(t: Teardown, upload?: Partial<UploadLimits>) {
  const apps = createAppsDesk();
  const served = await startOwnerConsole(t, { apps, ...(upload ? { upload } : {}) });
  const cookie = await setUpOwner(served);
  const ask = (path: string, wish: OwnerAsk = {}) => askOwner(served.port, path, { cookie, ...wish });
  return { ...served, apps, cookie, ask };
}

const routes: [method: string, path: string, body?: unknown][] = [
  ['GET', '/v1/apps'],
  ['GET', '/v1/apps/example.visits'],
  ['GET', '/v1/apps/example.visits/logs'],
  ['GET', '/v1/apps/example.visits/export'],
  ['GET', '/v1/apps/example.visits/receipt'],
  ['GET', '/v1/catalogue'],
  ['GET', `/v1/offers/${releaseOf('any')}`],
  ['POST', '/v1/offers'],
  ['POST', '/v1/apps', { release: releaseOf('any'), grants: [], termsAccepted: true }],
  ['DELETE', '/v1/apps/example.visits', { word: 'example.visits' }],
  ['POST', '/v1/apps/example.visits/stop'],
  ['POST', '/v1/apps/example.visits/start'],
  ['POST', '/v1/apps/example.visits/update-now'],
  ['POST', '/v1/apps/example.visits/succession', { serial: 3, accept: true }],
  ['PUT', '/v1/apps/example.visits/grants', { capability: 'storage' }],
  ['DELETE', '/v1/apps/example.visits/grants', { capability: 'storage' }],
];

t.test('nobody but the signed-in owner, from the console’s own page, asks anything about apps', async (t) => {
  const { apps, ask } = await start(t);
  apps.put(installedOf());
  const before = apps.asked.length;
  for (const [method, path, body] of routes) {
    const wish = path === '/v1/offers' ? { raw: 'octets', headers: octets } : { body };
    t.equal((await ask(path, { method, ...wish, cookie: '' })).code, 'sign-in-needed', `${method} ${path}`);
    const elsewhere = { ...wish.headers, origin: 'http://elsewhere.example' };
    t.equal((await ask(path, { method, ...wish, headers: elsewhere })).code, 'origin-refused', `${method} ${path}`);
    const rebound = { ...wish.headers, host: 'elsewhere.example' };
    t.equal((await ask(path, { method, ...wish, headers: rebound })).code, 'host-refused', `${method} ${path}`);
  }
  t.equal(apps.asked.length, before, 'and nothing was done');
});

t.test('a box that takes no apps offers neither routes nor pages for them', async (t) => {
  const served = await startOwnerConsole(t);
  const cookie = await setUpOwner(served);
  for (const [method, path, body] of routes)
    t.equal((await askOwner(served.port, path, { method, body, cookie })).code, 'not-found', `${method} ${path}`);
  t.equal((await askOwner(served.port, '/apps')).code, 'not-found');
  const view = await askOwner(served.port, '/v1/view', { cookie });
  t.equal(member(view.json, 'apps'), null);
});

t.test('what runs, what could, and what each app wrote', async (t) => {
  const { apps, ask } = await start(t);
  const offer = apps.offer(offerOf(manifestOf({ version: '1.1.0' }), { installed: '1.0.0', asks: ['notify'] }));
  apps.put(installedOf(manifestOf(), { waiting: offer }));
  apps.box.catalogue = [entryOf(offer)];
  const list = (await ask('/v1/apps')).json;
  t.ok(Array.isArray(list) && list.length === 1 && check(InstalledApp, list[0]).ok);
  t.ok(check(InstalledApp, (await ask('/v1/apps/example.visits')).json).ok);
  t.equal((await ask('/v1/apps/example.other')).code, 'app-not-installed');
  t.equal((await ask('/v1/apps/Visits')).code, 'body-invalid');
  t.ok(check(AppOffer, (await ask(`/v1/offers/${offer.release}`)).json).ok);
  t.equal((await ask('/v1/offers/abc')).code, 'body-invalid');
  t.match((await ask('/v1/catalogue?query=vis')).json, { entries: [{ app: 'example.visits' }], cursor: null });
  t.equal((await ask('/v1/catalogue?query=2026')).status, 200, 'a query of digits is a query');
  t.match(apps.asked.at(-1), { what: { query: '2026' } });
  t.equal((await ask(`/v1/catalogue?query=${'a'.repeat(101)}`)).code, 'body-invalid');
  t.equal((await ask('/v1/catalogue?other=1')).code, 'body-invalid');
  apps.box.isOffline = true;
  t.equal((await ask('/v1/catalogue')).code, 'unavailable', 'what the desk refuses is told as it is');
  apps.box.logs = '<script>alert(1)</script>\n';
  const logs = await ask('/v1/apps/example.visits/logs');
  t.equal(logs.text, apps.box.logs);
  t.equal(logs.headers['content-type'], 'text/plain; charset=utf-8');
  t.equal(logs.headers['x-content-type-options'], 'nosniff');
  t.equal(logs.headers['cache-control'], 'no-store');
  const page = await ask('/apps/example.visits');
  t.match(page.headers['content-security-policy'], /img-src 'self' data:;/);
  t.match(page.headers['content-security-policy'], /script-src 'self';/);
});

t.test('an update that waits for its app goes ahead at the owner’s word, which is signed', async (t) => {
  const { apps, ask } = await start(t);
  const now = Date.now();
  const lease = { id: 'a'.repeat(16), hold: 'update' as const, reason: 'A backup', takenAt: now, until: now + day };
  apps.put(
    installedOf(manifestOf(), {
      leases: [{ ...lease, secondsLeft: 86_400 }],
      held: { version: '1.1.0', since: now, until: now + day },
    }),
  );
  t.match((await ask('/v1/apps/example.visits')).json, {
    held: { version: '1.1.0' },
    leases: [{ reason: 'A backup' }],
  });
  const say = (id: string) => ask(`/v1/apps/${id}/update-now`, { method: 'POST' });
  t.equal((await say('example.other')).code, 'app-not-installed');
  t.equal((await say('example.visits')).status, 204);
  t.match(apps.asked.at(-1), { act: 'updateNow', what: 'example.visits', signed: true });
  t.equal((await say('example.visits')).code, 'update-not-held');
});

t.test('a yes names the release, each permission and the terms, and is signed by the owner', async (t) => {
  const { apps, ask } = await start(t);
  const offer = apps.offer(offerOf());
  const decide = (body: unknown) => ask('/v1/apps', { method: 'POST', body });
  const { release } = offer;
  const good = { release, grants: [{ capability: 'storage', until: Date.now() + day }], termsAccepted: true };
  t.equal((await decide({ ...good, termsAccepted: false })).code, 'body-invalid');
  t.equal((await decide({ ...good, grants: [{ capability: 'everything' }] })).code, 'body-invalid');
  t.equal((await decide({ ...good, more: true })).code, 'body-invalid');
  t.equal((await decide({ ...good, release: 'latest' })).code, 'body-invalid');
  t.equal((await decide({ ...good, grants: [{ capability: 'storage', until: 1 }] })).code, 'date-past');
  t.equal((await decide({ ...good, release: releaseOf('another') })).code, 'not-found');
  t.same(apps.asked, [], 'none of these reached the desk');
  const begun = await decide(good);
  t.equal(begun.status, 202);
  t.match(apps.asked.at(-1), { act: 'decide', what: good, signed: true });
  const view = (await ask('/v1/view')).json;
  const parsed = check(OwnerView, view);
  t.ok(parsed.ok, 'the view holds');
  if (!parsed.ok) return;
  t.equal(parsed.value.apps?.changes[0]?.id, member(begun.json, 'change'), 'the change is in it');
  t.equal(parsed.value.change?.kind, 'enrol', 'and is not taken for the joining of a provider');
  const longest = `network.egress:${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.example.com:65535`;
  const grants = Array.from({ length: 50 }, () => ({ capability: longest, until: Date.now() + 1000 * day }));
  t.equal((await decide({ ...good, grants })).status, 202, 'the longest that the contract allows is taken');
});

t.test('permissions are given and taken back, each by the owner’s own signature', async (t) => {
  const { apps, ask } = await start(t);
  apps.put(installedOf(manifestOf(), { grants: [] }));
  const path = '/v1/apps/example.visits/grants';
  const put = (body: unknown, at = path) => ask(at, { method: 'PUT', body });
  t.equal((await put({ capability: 'identity.attest' })).code, 'permission-not-asked');
  t.equal((await put({ capability: 'storage', until: Date.now() - 1 })).code, 'date-past');
  t.equal((await put({ capability: 'storage' }, '/v1/apps/example.other/grants')).code, 'app-not-installed');
  t.equal((await put({ capability: 'network.egress:10.0.0.1' })).code, 'body-invalid');
  t.same(apps.asked, []);
  const until = Date.now() + day;
  t.equal((await put({ capability: 'notify', until })).status, 204);
  t.match(apps.asked, [{ what: { give: [{ capability: 'notify', until }], take: [] }, signed: true }]);
  const take = () => ask(path, { method: 'DELETE', body: { capability: 'notify' } });
  t.equal((await take()).status, 204);
  t.match(apps.asked.at(-1), { what: { app: 'example.visits', give: [], take: ['notify'] }, signed: true });
  t.equal((await take()).status, 204, 'twice is as good as once');
  t.equal(apps.asked.length, 2, 'and is not done twice');
});

t.test('stopped, started, and removed with the typed word', async (t) => {
  const { apps, ask } = await start(t);
  apps.put(installedOf());
  const post = (act: string) => ask(`/v1/apps/example.visits/${act}`, { method: 'POST' });
  t.equal((await post('stop')).status, 204);
  t.match((await ask('/v1/apps/example.visits')).json, { state: 'stopped', stopped: 'owner' });
  t.equal((await post('start')).status, 204);
  t.match(apps.asked, [
    { act: 'stop', signed: true },
    { act: 'start', signed: true },
  ]);
  t.equal((await ask('/v1/apps/example.none/stop', { method: 'POST' })).code, 'app-not-installed');
  const remove = (word: string) => ask('/v1/apps/example.visits', { method: 'DELETE', body: { word } });
  t.equal((await remove('visits')).code, 'word-missing');
  t.equal((await remove('Example.Visits')).code, 'word-missing');
  t.equal(apps.asked.length, 2);
  t.equal((await remove(' example.visits ')).status, 202);
  t.match(apps.asked.at(-1), { act: 'remove', what: 'example.visits', signed: true });
});

t.test('the owner answers the succession that they were shown, each answer signed', async (t) => {
  const { apps, ask } = await start(t);
  apps.put(installedOf(manifestOf(), { succession: successionOf() }));
  const place = '/v1/apps/example.visits/succession';
  const answer = (body: unknown, path = place) => ask(path, { method: 'POST', body });
  t.match((await ask('/v1/view')).json, { apps: { installed: [{ heir: 'Harbour Software' }] } });
  t.match(await answer({ accept: true }), { status: 400, code: 'body-invalid' });
  t.match(await answer({ serial: 3, accept: 'yes' }), { status: 400, code: 'body-invalid' });
  t.match(await answer({ serial: 3, accept: true }, '/v1/apps/example.none/succession'), { code: 'app-not-installed' });
  t.match(await answer({ serial: 3, accept: false }), { status: 200, json: { change: null } });
  t.match((await ask('/v1/view')).json, { apps: { installed: [{ heir: null }] } }, 'answered is not asked again');
  apps.box.refuses = 'succession-other';
  t.match(await answer({ serial: 3, accept: true }), { status: 409, code: 'succession-other' });
  t.match(await answer({ serial: 3, accept: true }), { status: 200 });
  t.match(apps.asked.at(-1), { what: { id: 'example.visits', serial: 3, accept: true }, signed: true });
});

t.test('an open page is told when something about an app changes', async (t) => {
  const { apps, port, cookie } = await start(t);
  const asked = openRequest(port, '/v1/events', { cookie });
  asked.end();
  const [response] = await once(asked, 'response');
  t.teardown(() => asked.destroy());
  let heard = '';
  response.on('data', (part: Buffer) => {
    heard += part;
  });
  const until = async (found: RegExp): Promise<void> => {
    while (!found.test(heard)) await once(response, 'data');
  };
  await until(/"apps":\{"version":0,"installed":\[\]/);
  apps.put(installedOf());
  await until(/"version":1,"installed":\[\{"id":"example\.visits","name"/);
  t.notMatch(heard, /data:image/, 'without pictures and terms');
  await apps.grants.set('example.visits', { give: [], take: ['notify'] });
  await until(/"version":2,/);
  t.pass();
});

t.test('a file is handed on while it comes in, and never held whole', async (t) => {
  const { apps, port, cookie, ask } = await start(t);
  const first = new Promise<number>((resolve) => {
    apps.box.onOctets = resolve;
  });
  const size = 3_000_000;
  const asked = openRequest(port, '/v1/offers', {
    method: 'POST',
    cookie,
    headers: { ...octets, 'content-length': size },
  });
  const answered = answerOf(asked);
  asked.write(Buffer.alloc(1000));
  t.equal(await first, 1000, 'the desk has the beginning before the rest was sent');
  const second = await ask('/v1/offers', { method: 'POST', raw: 'more', headers: octets });
  t.equal(second.code, 'upload-under-way');
  asked.end(Buffer.alloc(size - 1000));
  const answer = await answered;
  t.equal(answer.status, 200);
  t.ok(check(AppOffer, answer.json).ok);
  t.match(apps.asked, [{ act: 'offerFile', what: size }]);
  const again = await ask('/v1/offers', { method: 'POST', raw: 'a file', headers: octets });
  t.equal(again.status, 200, 'the next one has its turn');
});

const failure = ({ box }: ReturnType<typeof createAppsDesk>) =>
  new Promise<unknown>((resolve) => {
    box.onFileFailed = resolve;
  });

function beginFile(port: number, cookie: string) {
  const headers = { ...octets, 'content-length': 900 };
  const asked = openRequest(port, '/v1/offers', { method: 'POST', cookie, headers });
  asked.on('error', () => {}); // it is cut off on purpose
  asked.write(Buffer.alloc(100));
  return asked;
}

t.test('a file that is too large, of another kind, cut off, too slow or refused', async (t) => {
  const { apps, port, cookie, ask } = await start(t, { bytes: 1000 });
  const post = (raw: string | Uint8Array, headers = octets) => ask('/v1/offers', { method: 'POST', raw, headers });
  t.equal((await post(Buffer.alloc(1001))).code, 'body-too-large', 'by what it says');
  const chunked = openRequest(port, '/v1/offers', { method: 'POST', cookie, headers: octets });
  const answered = answerOf(chunked);
  chunked.write(Buffer.alloc(600));
  chunked.end(Buffer.alloc(600));
  t.equal((await answered).code, 'body-too-large', 'by what comes');
  t.equal((await post('{}', { 'content-type': 'application/json' })).code, 'media-type-unsupported');
  t.equal((await post('octets', { 'content-type': 'text/plain' })).code, 'media-type-unsupported');
  t.equal((await ask('/v1/offers', { method: 'POST' })).code, 'media-type-unsupported');
  const elsewhere = await ask('/v1/session', { method: 'POST', raw: 'octets', headers: octets });
  t.equal(elsewhere.code, 'media-type-unsupported', 'octets are taken nowhere else');
  apps.box.refuses = 'disk-full';
  t.equal((await post(Buffer.alloc(900))).code, 'disk-full', 'the desk refuses before, and the answer arrives');

  const cut = failure(apps);
  apps.box.onOctets = () => gone.destroy();
  const gone = beginFile(port, cookie);
  t.equal(member(await cut, 'code'), 'upload-broken');
  apps.box.onOctets = () => {};
  t.equal((await post(Buffer.alloc(900))).status, 200, 'and then a whole one is taken');
});

t.test('a file that stops coming is given up', async (t) => {
  const { apps, port, cookie } = await start(t, { pauseMilliseconds: 200 });
  const slow = failure(apps);
  beginFile(port, cookie);
  t.equal(member(await slow, 'code'), 'body-timeout');
});

t.test('what pages work out: permissions in words, states, languages, sizes', async (t) => {
  t.equal(sayPermission('storage').name, 'Keep data on your box');
  t.equal(sayPermission('network.egress:api.example.com:8443').name, 'Reach api.example.com:8443 on the internet');
  t.equal(sayPermission('network.egress:*.example.com').name, 'Reach everything under example.com on the internet');
  t.match(sayPermission('network.egress:*').name, /every address/);
  t.match(cannotDo([]), ['Reach the internet', 'Keep data on your box']);
  t.equal(cannotDo(['network.egress:a.example.com'])[0], 'Reach any other address on the internet');
  t.notOk(cannotDo(['network.egress:*', 'storage']).some((one) => /internet|Keep data/.test(one)));

  const words = { en: 'Visits', de: 'Besuche', 'pt-BR': 'Visitas' };
  t.same(pick(words, ['fr-FR', 'de-AT']), { text: 'Besuche', lang: 'de' });
  t.same(pick(words, ['pt-br']), { text: 'Visitas', lang: 'pt-BR' });
  t.same(pick(words, ['constructor', '__proto__']), { text: 'Visits', lang: 'en' });
  t.equal(line('Safe\u202e\u2066 \n\u200bName\u0000\u{e0041}'), 'Safe Name');
  t.equal(plain('one\n\ttwo'), 'one\n\ttwo');
  t.equal(line('می‌خواهم'), 'می‌خواهم', 'joiners that a language is written with stay');

  t.equal(bytes(0), '0\u00a0bytes');
  t.equal(bytes(999_999), '1000\u00a0kB');
  t.equal(bytes(3_200_000), '3.2\u00a0MB');
  t.equal(bytes(42_400_000), '42\u00a0MB');

  const app = { state: 'running', stopped: null, health: null } as const;
  t.equal(conditionOf(app), 'running');
  t.equal(conditionOf({ ...app, state: 'stopped', stopped: 'expelled' }), 'expelled');
  const { apps, ask } = await start(t);
  apps.put(installedOf(manifestOf(), { state: 'stopped', stopped: 'owner' }));
  const glance = async () => {
    const view = check(OwnerView, (await ask('/v1/view')).json);
    if (!view.ok) throw new Error('cannot read the view');
    return view.value;
  };
  t.same(findings(await glance()), [], 'what the owner stopped is no trouble');
  apps.alter('example.visits', { state: 'running', stopped: null, waiting: offerOf(manifestOf({ version: '2.0.0' })) });
  const waiting = await glance();
  t.match(findings(waiting), [{ key: 'waiting-example.visits', to: '/apps/example.visits' }]);
  t.ok(waiting.apps?.installed.every(wantsCare));
});
