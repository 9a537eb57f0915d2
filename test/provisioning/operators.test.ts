/** Operators with roles, and the log of what each did: over the API, over the control socket, and through SIGKILL. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { fastify } from 'fastify';
import t from 'tap';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { LedgerEntry } from '#contract/ledger.js';
import { canonicalJson, verifyLedger } from '#contract/ledger-chain.js';
import { mayDo } from '#contract/may-do.js';
import { AuditPage, CreatedOperator, type Role, SignedIn } from '#contract/operators.js';
import { check, parseJson } from '#contract/parse.js';
import { createAccess } from '../../provisioning/console/access.js';
import { linkFault, openAudit } from '../../provisioning/operators/audit.js';
import { flatFacts } from '../../provisioning/operators/facts.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { boxOf, secret, startConsole } from '../support/console.js';
import { ownFolder } from '../support/folder.js';
import { askCommand, runCommand, testProvider } from '../support/provider.js';

interface Ask {
  method?: string;
  as?: string;
  cookie?: string;
  body?: unknown;
}

async function ask(url: string, { method = 'GET', as, cookie, body }: Ask = {}) {
  const reply = await fetch(url, {
    method,
    headers: {
      ...(as !== undefined && { authorization: `Bearer ${as}` }),
      ...(cookie !== undefined && { cookie, 'sec-fetch-site': 'same-origin' }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  const json: unknown = text === '' ? null : JSON.parse(text);
  const code = (json as { code?: string } | null)?.code;
  return { status: reply.status, json, code, cookie: reply.headers.get('set-cookie')?.split(';')[0] };
}

const created = (json: unknown): CreatedOperator => {
  const parsed = check(CreatedOperator, json);
  if (!parsed.ok) throw new Error(JSON.stringify(json));
  return parsed.value;
};

async function withRoles(test: Parameters<typeof startConsole>[0]) {
  const served = await startConsole(test);
  const { url } = served;
  const add = async (name: string, role: Role) =>
    created((await ask(`${url}/v1/operators`, { method: 'POST', as: secret, body: { name, role } })).json).secret;
  const secrets = { viewer: await add('vic', 'viewer'), operator: await add('olga', 'operator'), admin: secret };
  const signIn = async (with_: string) =>
    (await ask(`${url}/v1/session`, { method: 'POST', body: { secret: with_ } })).cookie ?? '';
  const log = async () => {
    const { json } = await ask(`${url}/v1/audit?limit=1000`, { as: secret });
    const parsed = check(AuditPage, json);
    if (!parsed.ok) throw new Error(JSON.stringify(json));
    return parsed.value.entries.reverse();
  };
  return { ...served, secrets, signIn, log };
}

t.test('each role may what stands beside the path, and a refused act is in the log', async (test) => {
  const { url, fleet, secrets, log } = await withRoles(test);
  fleet.boxes.set('box-one', boxOf('box-one', Date.now()));
  const acts: [Role, string, string, unknown?][] = [
    ['viewer', 'GET', '/v1/boxes'],
    ['viewer', 'GET', '/v1/boxes/box-one'],
    ['viewer', 'GET', '/v1/claims'],
    ['viewer', 'GET', '/v1/events'],
    ['viewer', 'GET', '/metrics'],
    ['operator', 'POST', '/v1/claims', { label: 'Mine' }],
    ['operator', 'POST', '/v1/boxes/box-one/revoke', { reason: 'stolen' }],
    ['operator', 'POST', '/v1/requests/none/approve'],
    ['admin', 'GET', '/v1/operators'],
    ['admin', 'POST', '/v1/operators', { name: 'new', role: 'viewer' }],
    ['admin', 'POST', '/v1/operators/vic/role', { role: 'viewer' }],
    ['admin', 'DELETE', '/v1/operators/new'],
    ['admin', 'GET', '/v1/audit'],
  ];
  for (const has of ['viewer', 'operator', 'admin'] as const)
    for (const [needs, method, place, body] of acts) {
      const reply = await fetch(`${url}${place}`, {
        method,
        headers: {
          authorization: `Bearer ${secrets[has]}`,
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await reply.text();
      test.equal(reply.status === 403, !mayDo(has, needs), `${has}: ${method} ${place}: ${text.slice(0, 80)}`);
    }
  const entries = await log();
  test.ok(
    entries.some(({ type, facts }) => type === 'claim.create' && facts.who === 'vic' && facts.code === 'role-missing'),
    'refused to the viewer',
  );
  const revoked = entries.find(({ type, facts }) => type === 'box.revoke' && facts.who === 'olga');
  test.match(revoked?.facts, { box: 'box-one', reason: 'stolen', via: 'api', role: 'operator' });
  const ended = entries.find(({ type, facts }) => type === 'outcome' && facts.of === revoked?.index);
  test.equal(ended?.facts.code, 'ok');
  const unknown = entries.find(({ type, facts }) => type === 'request.approve' && facts.who === 'olga');
  const end = entries.find(({ type, facts }) => type === 'outcome' && facts.of === unknown?.index);
  test.equal(end?.facts.code, 'request-unknown', 'an act that failed says with what');
  const added = entries.find(({ type, facts }) => type === 'operator.add' && facts.name === 'new');
  test.equal(added?.facts['given.role'], 'viewer', 'the role that was given is not taken for that of who gave it');
  test.equal(verifyLedger({ format: 'webizen-ledger-1', ownerKeys: [], entries }).ok, true);
  test.notMatch(JSON.stringify(entries), new RegExp(Object.values(secrets).join('|')), 'no secret is in it');
});

t.test('a route that does not say who may stops the program', async (test) => {
  const app = fastify();
  const sessions = { open: () => '', use: () => undefined, lives: () => false, close() {}, closeAll() {} };
  const operators = { get: () => undefined, find: () => undefined, onEnded: () => () => {} };
  const secrets = {
    check(): never {
      throw new Error('not called');
    },
  };
  createAccess({ operators, sessions, secrets, secure: false }).guard(app);
  test.throws(() => app.get('/v1/forgotten', async () => 'all'), /it does not say who may/);
});

t.test('what an operator has open ends at once when they are removed, fall, or get another secret', async (test) => {
  const { url, secrets, signIn, operators, log } = await withRoles(test);
  const admin = { as: secret };
  const whoami = async (cookie: string) => ask(`${url}/v1/session`, { cookie });
  const stream = async (headers: Record<string, string>) => {
    const reply = await fetch(`${url}/v1/events`, { headers });
    test.equal(reply.status, 200);
    return { ended: reply.text() }; // once the other side has closed it
  };

  const cookie = await signIn(secrets.operator);
  const me = check(SignedIn, (await whoami(cookie)).json);
  test.same(me.ok && me.value, { name: 'olga', role: 'operator' });
  const streams = [await stream({ cookie }), await stream({ authorization: `Bearer ${secrets.operator}` })];
  // A role that rises changes nothing that is open.
  await ask(`${url}/v1/operators/olga/role`, { method: 'POST', ...admin, body: { role: 'admin' } });
  test.match((await whoami(cookie)).json, { role: 'admin' });
  await ask(`${url}/v1/operators/olga/role`, { method: 'POST', ...admin, body: { role: 'viewer' } });
  test.equal((await whoami(cookie)).code, 'session-ended');
  test.match((await ask(`${url}/v1/session`, { as: secrets.operator })).json, { role: 'viewer' }, 'the secret stays');

  const again = await signIn(secrets.operator);
  const reset = created((await ask(`${url}/v1/operators/olga/reset`, { method: 'POST', ...admin })).json);
  test.equal((await whoami(again)).code, 'session-ended');
  test.equal((await ask(`${url}/v1/session`, { as: secrets.operator })).code, 'secret-wrong');
  await Promise.all(streams.map(({ ended }) => ended));
  test.pass('both streams have ended');

  const last = await signIn(reset.secret);
  const open = await stream({ authorization: `Bearer ${reset.secret}` });
  await ask(`${url}/v1/operators/olga`, { method: 'DELETE', ...admin });
  await open.ended;
  test.equal((await whoami(last)).code, 'session-ended');
  test.equal((await ask(`${url}/v1/session`, { as: reset.secret })).code, 'secret-wrong');
  test.ok((await log()).some(({ type, facts }) => type === 'session.open' && facts.who === 'olga'));
  test.equal(operators.get('olga'), undefined);
});

t.test('the first admin keeps name and role, and names are taken once', async (test) => {
  const { url, signIn, log } = await withRoles(test);
  const as = secret;
  const codes = [
    await ask(`${url}/v1/operators/admin`, { method: 'DELETE', as }),
    await ask(`${url}/v1/operators/admin/role`, { method: 'POST', as, body: { role: 'viewer' } }),
    await ask(`${url}/v1/operators`, { method: 'POST', as, body: { name: 'admin', role: 'viewer' } }),
    await ask(`${url}/v1/operators`, { method: 'POST', as, body: { name: 'vic', role: 'viewer' } }),
    await ask(`${url}/v1/operators`, { method: 'POST', as, body: { name: 'Vic', role: 'viewer' } }),
    await ask(`${url}/v1/operators`, { method: 'POST', as, body: { name: 'max', role: 'owner' } }),
    await ask(`${url}/v1/operators/nobody`, { method: 'DELETE', as }),
  ].map(({ code }) => code);
  test.same(codes, [
    ...['operator-built-in', 'operator-built-in', 'operator-exists', 'operator-exists'],
    ...['body-invalid', 'body-invalid', 'operator-unknown'],
  ]);
  test.ok((await log()).some(({ type, facts }) => type === 'operator.add' && facts.code === 'body-invalid'));
  const cookie = await signIn(secret);
  const { json } = await ask(`${url}/v1/operators/admin/reset`, { method: 'POST', as });
  test.equal((await ask(`${url}/v1/session`, { cookie })).code, 'session-ended');
  test.equal((await ask(`${url}/v1/session`, { as })).code, 'secret-wrong');
  test.match((await ask(`${url}/v1/session`, { as: created(json).secret })).json, { name: 'admin', role: 'admin' });
});

t.test('facts are flat, short, canonical, and never secret, whatever came', async (test) => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), fc.string({ unit: 'binary' }), (given, text) => {
      const facts = flatFacts(given, { text, inner: { secret: 'hush', text }, who: 'somebody else', list: [text, 1] });
      canonicalJson(facts);
      return (
        Object.keys(facts).length <= 30 &&
        facts.who === undefined &&
        Object.values(facts).every((fact) => typeof fact !== 'string' || (fact !== 'hush' && fact.length <= 400))
      );
    }),
  );
  test.same(flatFacts({ url: 'https://hooks.example/services/T0/B0/secretpath' }), { url: 'https://hooks.example' });
});

async function filled(test: { teardown(work: () => unknown): void }): Promise<{ store: Store; directory: string }> {
  const directory = await ownFolder(test);
  const store = await openStore(directory);
  test.teardown(() => store.close().catch(() => {}));
  const audit = await openAudit({ store, clock: systemClock });
  const act = { who: 'olga', role: 'operator', via: 'api' as const, act: 'box.revoke' };
  const begun = await Promise.all(Array.from({ length: 20 }, (_, n) => audit.begin({ ...act, facts: [{ n }] })));
  await Promise.all(begun.slice(0, -1).map((index) => audit.end(index, 'ok')));
  return { store, directory };
}

t.test('acts at the same moment make one chain; one that was left open is told as interrupted', async (test) => {
  const { store } = await filled(test);
  const again = await openAudit({ store, clock: systemClock });
  const entries = await again.from({ index: 0, limit: 1000 });
  test.equal(entries.length, 40);
  test.equal(verifyLedger({ format: 'webizen-ledger-1', ownerKeys: [], entries }).ok, true);
  test.match(entries.at(-1), { type: 'outcome', facts: { code: 'interrupted', of: 19 } });
  test.same(again.head(), { ledger: entries[0]?.ledger, length: 40, hash: entries.at(-1)?.hash });
  const anew = await openAudit({ store, clock: systemClock });
  test.equal(anew.head()?.length, 40, 'told once');
});

t.test('what could not be written is no part of the chain, and its act does not begin', async (test) => {
  const { store } = await filled(test);
  let full = true;
  const failing: Store = {
    ...store,
    commit: async (operations) => (full ? Promise.reject(new Error('ENOSPC')) : store.commit(operations)),
  };
  full = false;
  const audit = await openAudit({ store: failing, clock: systemClock });
  const act = { who: 'olga', role: 'operator', via: 'api' as const, act: 'box.revoke', facts: [] };
  const before = audit.head();
  full = true;
  await test.rejects(audit.begin(act));
  test.same(audit.head(), before);
  full = false;
  await audit.end(await audit.begin(act), 'ok');
  const entries = await audit.from({ index: 0, limit: 1000 });
  test.equal(verifyLedger({ format: 'webizen-ledger-1', ownerKeys: [], entries }).ok, true);
});

t.test('who is refused again and again cannot fill the log', async (test) => {
  const store = await openStore(await ownFolder(test));
  test.teardown(() => store.close());
  let now = Date.now();
  const audit = await openAudit({ store, clock: { now: () => now } });
  const act = { who: 'vic', role: 'viewer', via: 'api' as const, act: 'box.revoke', facts: [] };
  for (let n = 0; n < 40; n += 1) await audit.note(act, 'role-missing');
  await audit.note({ ...act, who: 'olga' }, 'role-missing');
  test.equal(audit.head()?.length, 31, 'nobody else is kept from theirs');
  now += 60_000;
  await audit.note(act, 'role-missing');
  test.match((await audit.page({ limit: 1 }))[0]?.facts, { who: 'vic', code: 'role-missing', unwritten: 10 });
});

t.test('an entry that is altered, dropped or moved breaks the chain', async (test) => {
  const { store } = await filled(test);
  const entries = await (await openAudit({ store, clock: systemClock })).from({ index: 0, limit: 1000 });
  const faults = (list: readonly LedgerEntry[]) =>
    list.map((entry, at) => linkFault(list[at - 1], entry)).filter(Boolean);
  test.same(faults(entries), []);
  const forged = entries.map((entry) =>
    entry.index === 7 ? { ...entry, facts: { ...entry.facts, who: 'vic' } } : entry,
  );
  test.equal(faults(forged).length, 1);
  test.ok(faults(entries.filter(({ index }) => index !== 7)).length > 0);
  test.ok(faults([...entries.slice(0, 5), entries[6]!, entries[5]!, ...entries.slice(7)]).length > 0);
});

const Acts = Type.Array(Type.Object({ ...LedgerEntry.properties, outcome: Type.Union([Type.String(), Type.Null()]) }));

t.test('commands do the same while the server runs and while it does not, and are acts themselves', async (test) => {
  const provider = await testProvider(test);
  const dir = ['--dir', provider.directory];
  const run = (...args: string[]) => runCommand('webizen-provider', [...args, ...dir]);
  const offline = run('operator', 'add', 'olga', '--role', 'operator');
  test.equal(offline.status, 0, offline.stderr);
  const hers = offline.stdout.trim();
  test.match(run('operator', 'add', 'max', '--role', 'owner').stderr, /viewer, operator or admin/);
  test.match(run('operator', 'list').stdout, /admin +admin[\s\S]*olga +operator/);

  await provider.start();
  test.teardown(() => provider.stop());
  const origin = provider.urls().console;
  test.match((await ask(`${origin}/v1/session`, { as: hers })).json, { name: 'olga', role: 'operator' });
  const asked = (...args: string[]) => askCommand('webizen-provider', [...args, ...dir]);
  test.equal((await asked('operator', 'role', 'olga', 'viewer')).status, 0);
  test.equal((await ask(`${origin}/v1/claims`, { method: 'POST', as: hers, body: {} })).code, 'role-missing');
  const shown = await asked('operator', 'reset', 'admin');
  test.equal(shown.stdout.trim(), (await readFile(path.join(provider.directory, 'operator.secret'), 'utf8')).trim());
  test.match((await ask(`${origin}/v1/session`, { as: shown.stdout.trim() })).json, { name: 'admin' });
  test.equal((await asked('operator', 'remove', 'olga')).status, 0);
  test.equal((await asked('operator', 'remove', 'olga')).status, 1);
  test.equal((await ask(`${origin}/v1/session`, { as: hers })).code, 'secret-wrong');

  const noted = /head (\d+:[0-9a-f]{64})/.exec((await asked('audit', 'verify')).stdout)?.[1] ?? '';
  test.equal((await asked('claim', 'create', '--count', '2', '--label', 'Two')).status, 0);
  test.equal((await asked('audit', 'verify', '--head', noted)).status, 0);
  const listed = parseJson(Acts, (await asked('audit', 'list', '--json')).stdout);
  const acts = listed.ok ? listed.value : [];
  test.same(
    acts.map(({ type, outcome }) => `${type} ${outcome}`),
    [
      ...['operator.add ok', 'operator.role ok', 'claim.create role-missing', 'operator.reset ok'],
      ...['operator.remove ok', 'operator.remove operator-unknown', 'claim.create ok'],
    ],
  );
  test.match(acts[0]?.facts, { who: '(this machine)', via: 'command', name: 'olga', 'given.role': 'operator' });
  test.match((await asked('audit', 'list', '--who', 'olga')).stdout, /olga +api +claim\.create +role-missing/);
  const file = path.join(await ownFolder(test), 'audit.json');
  test.equal((await asked('audit', 'export', '--out', file)).status, 0);
  const checked = runCommand('webizen', ['ledger', 'verify', file]);
  test.equal(checked.status, 0, checked.stderr);
  await provider.stop();

  // Somebody who can write the database takes the last acts away: the chain holds, and the noted head is missed.
  const store = await openStore(provider.directory);
  const whole = await store.audit.iterator().all();
  const seen = Number(noted.split(':')[0]);
  for (const [key] of whole.slice(seen - 1)) await store.audit.del(key);
  await store.close();
  test.equal(run('audit', 'verify').status, 0);
  const cut = run('audit', 'verify', '--head', noted);
  test.equal(cut.status, 1);
  test.match(cut.stderr, /audit log is not what was written/);
});

t.test('through SIGKILL: what took effect is in the log, begun before it and ended or interrupted', async (test) => {
  const provider = await testProvider(test);
  const as = (await readFile(path.join(provider.directory, 'operator.secret'), 'utf8')).trim();
  const origin = `http://127.0.0.1:${Number(new URL(provider.est).port) + 2}`;
  let label = 0;
  const answered = new Set<string>();
  for (let kill = 0; kill < 4; kill += 1) {
    const child = await provider.spawn();
    const exit = once(child, 'exit');
    const until = answered.size + 15 + 10 * kill;
    const make = async () => {
      while (answered.size < until) {
        label += 1;
        const name = `claim-${label}`;
        const reply = await ask(`${origin}/v1/claims`, { method: 'POST', as, body: { label: name } }).catch(() => null);
        if (!reply) return;
        if (reply.status === 201) answered.add(name);
      }
      child.kill('SIGKILL');
    };
    await Promise.all(Array.from({ length: 8 }, make));
    await exit;
  }
  const store = await openStore(provider.directory);
  const claims = (await store.claims.values().all()).map((claim) => claim.label);
  const audit = await openAudit({ store, clock: systemClock });
  const entries = await audit.from({ index: 0, limit: 10_000 });
  await store.close();
  test.equal(verifyLedger({ format: 'webizen-ledger-1', ownerKeys: [], entries }).ok, true);
  const begun = new Map(
    entries.flatMap(({ type, facts, index }) => (type === 'claim.create' ? [[facts.label, index]] : [])),
  );
  const codes = new Map(entries.flatMap(({ type, facts }) => (type === 'outcome' ? [[facts.of, facts.code]] : [])));
  for (const made of claims) test.ok(begun.has(made), `${made} took effect and is in the log`);
  for (const made of answered)
    test.equal(codes.get(begun.get(made) ?? -1), 'ok', `${made} was answered, its outcome is there`);
  test.equal(begun.size, codes.size, 'each act has one outcome');
});
