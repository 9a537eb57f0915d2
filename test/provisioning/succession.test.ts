/** Apps of a member that is expelled or retires pass to another: by the operator's command, for boxes and anybody to see. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { publicJwkOf, signJws } from '#common/jws.js';
import { verifyMemberLedger } from '#common/members/ledger.js';
import { signMemberRequest } from '#common/members/request.js';
import { verifySuccession } from '#common/members/succession.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { cataloguePath } from '#contract/catalogue.js';
import { MemberKeys } from '#contract/member.js';
import { MemberLedgerExport } from '#contract/member-register.js';
import { check, parseJson } from '#contract/parse.js';
import { keyRotationType } from '#contract/release.js';
import { AppSuccessions, Succession, successionPath } from '#contract/succession.js';
import { init } from '../../provisioning/cli/init.js';
import { openRooms } from '../../provisioning/rooms.js';
import { controlSocket } from '../../provisioning/territory.js';
import type { SomeApp } from '../support/archive.js';
import {
  admitted,
  anApp,
  appIn,
  ask,
  call,
  type MemberClient,
  publish,
  publishedIn,
  refusal,
  releaseIn,
  uploadAll,
} from '../support/catalogue.js';
import { answered, territory } from '../support/est.js';
import { ownFolder } from '../support/folder.js';
import { askCommand, command } from '../support/provider.js';
import { randomFrom, seed } from '../support/random.js';
import { within } from '../support/territory.js';

const app = 'example.visits';
const decided = { reason: 'it keeps what it promised', decidedBy: 'the committee', review: 'write to the committee' };
const why = ['--reason', decided.reason, '--decided-by', decided.decidedBy, '--review', decided.review];

async function opened(t: Test) {
  const served = await territory(t, { enrolmentsPerSecond: 1000 });
  const origin = { url: served.url, ca: served.ca };
  const [old, heir] = [await admitted(served, 'old-soft'), await admitted(served, 'new-soft')];
  const keys = answered(parseJson(MemberKeys, (await call(origin, { place: '/v1/members/keys' })).body));
  const put = async (who: MemberClient, made: SomeApp) => {
    await uploadAll(who, made);
    return publish(who, made.jws);
  };
  return {
    ...{ ...served, origin, old, heir, keys, put },
    run: (...args: string[]) => askCommand('webizen-provider', ['member', ...args, '--dir', served.directory]),
    /** What anybody is told of an app, verified. */
    async told(id = app, by = keys): Promise<Succession[]> {
      const reply = await call(origin, { place: successionPath(id) });
      const { statements } = answered(parseJson(AppSuccessions, reply.body));
      return Promise.all(
        statements.map(async (jws) => {
          const read = await verifySuccession(jws, { keys: by, territory: 'kowhai' });
          if (!read.ok) throw new Error(read.fault);
          return read.succession;
        }),
      );
    },
  };
}

t.test("an expelled member's app passes to another: id, statement, ledger and events say the same", async (t) => {
  const it = await opened(t);
  const { old, heir, put, origin, run, enrolled } = it;
  const { with: shown } = await enrolled();
  const one = await anApp(t, old, { version: '1.1.0' });
  publishedIn(await put(old, one));
  const later = await anApp(t, old, { id: 'example.news' });
  publishedIn(await put(old, later));
  refusal(t, await call(origin, { place: successionPath(app) }), 404, 'succession-unknown');

  await it.ask('member.expel', { member: old.id, ...decided, reason: 'it sold what it kept' });
  t.match(await run('succeed', old.id, heir.id, '--app', app, ...why.slice(0, 4)), { stderr: /--review/ });
  const done = await run('succeed', old.id, heir.id, '--app', app, ...why);
  t.match(done, { status: 0, stdout: /^example\.visits passes from old-soft to new-soft, serial \d+\n$/ });
  const [statement] = await it.told();
  t.match(statement, {
    ...{ territory: 'kowhai', apps: [app], ...decided },
    from: {
      ...{ member: old.id, left: 'expelled', because: 'it sold what it kept' },
      keys: [await publicJwkOf(old.key)],
    },
    to: { member: heir.id, jwk: await publicJwkOf(heir.key) },
  });

  const listed = appIn(await call(origin, { place: `${cataloguePath}/apps/${app}`, with: shown }));
  t.match(listed, { owner: heir.id, succession: { statements: [String], credential: heir.credential } });
  t.match(releaseIn(await call(origin, { place: `${cataloguePath}/releases/${one.id}`, with: shown })), {
    succession: listed.succession,
  });
  t.match(appIn(await ask(heir, { place: `${cataloguePath}/apps/${app}` })), {
    releases: [{ version: '1.1.0' }],
  });
  refusal(t, await put(heir, await anApp(t, heir, { version: '1.1.0' }, { text: 'x' })), 409, 'version-used');
  refusal(t, await put(heir, await anApp(t, heir, { version: '1.0.9' }, { text: 'y' })), 409, 'version-older');
  publishedIn(await put(heir, await anApp(t, heir, { version: '2.0.0' }, { text: 'z' })));
  t.match(await run('show', old.id), { stdout: /succeeded .*it keeps what it promised, by the committee/ });
  const other = await anApp(t, heir, { id: 'example.news', version: '2.0.0' });
  refusal(t, await put(heir, other), 409, 'app-id-taken');
  t.match(await it.ask('app.show', { app }), { owner: heir.id });

  const ledger = answered(check(MemberLedgerExport, await it.ask('member.ledger', undefined)));
  t.match(await verifyMemberLedger(ledger, it.keys), { ok: true });
  t.match(ledger.entries.at(-1), {
    type: 'member.succeeded',
    facts: { member: old.id, successor: heir.id, apps: app, serial: statement?.serial, ...decided },
  });

  t.test('who gives the rest up is told to retire; a key that was rotated is named with the one before', async (t) => {
    await it.ask('member.reinstate', { member: old.id, ...decided });
    const next = newPrivateKey();
    const payload = Buffer.from(JSON.stringify({ member: old.id, jwk: await publicJwkOf(next), at: 1 }));
    const rotation = await signJws({ type: keyRotationType, payload, key: old.key });
    await it.ask('member.rotate', { member: old.id, rotation });
    t.match(await run('succeed', old.id, heir.id, ...why), { status: 0, stdout: /example\.news passes/ });
    const [news] = await it.told('example.news');
    t.match(news, { from: { left: 'retiring', keys: [await publicJwkOf(old.key), await publicJwkOf(next)] } });
    t.ok((news?.serial ?? 0) > (statement?.serial ?? 0));
    const credential = (await call(origin, { place: `/v1/members/credentials/${old.id}` })).body.toString();
    const renewed = { ...old, key: next, credential };
    refusal(t, await put(renewed, await anApp(t, renewed, { version: '9.0.0' })), 409, 'app-id-taken');
    t.match(await run('succeed', old.id, heir.id, ...why), { status: /[12]/, stderr: /succession-empty/ });
  });

  t.test('it is turned back by letting it pass back, under a higher serial', async (t) => {
    t.match(await run('succeed', heir.id, old.id, '--app', app, ...why), { status: 0 });
    const told = await it.told();
    t.match(told, [{ to: { member: heir.id } }, { from: { member: heir.id }, to: { member: old.id } }]);
    t.ok((told[1]?.serial ?? 0) > (told[0]?.serial ?? 0));
    t.match(await it.ask('app.show', { app }), { owner: old.id });
  });

  t.test('a territory whose key was stolen says it again with the next one', async (t) => {
    const before = await it.told();
    await it.ask('member.roll-key', { ...decided, compromised: true });
    const reply = await call(origin, { place: '/v1/members/keys' });
    t.same(await it.told(app, answered(parseJson(MemberKeys, reply.body))), before);
    await t.rejects(it.told(), /foreign/);
  });
});

t.test('nothing passes to who may not have it, or from who does not', async (t) => {
  const it = await opened(t);
  const { old, heir, put } = it;
  const far = await admitted(it, 'far-soft', { level: 2 });
  const capabilities = [{ capability: 'network.egress:*' as const, reason: { en: 'to look things up' } }];
  publishedIn(await put(far, await anApp(t, far, { id: 'example.far', capabilities })));
  publishedIn(await put(old, await anApp(t, old)));
  const succeed = (from: string, to: string, apps?: string[]) =>
    it.ask('member.succeed', { member: from, to, ...decided, ...(apps && { apps }) });
  const refused = (promise: Promise<unknown>, code: string) => t.rejects(promise, { code }, code);
  await refused(succeed(far.id, heir.id), 'member-level-low');
  await refused(succeed(old.id, old.id), 'member-standing');
  await refused(succeed(old.id, 'nobody'), 'member-unknown');
  await refused(succeed('nobody', heir.id), 'member-unknown');
  await refused(succeed(old.id, heir.id, ['example.far']), 'app-id-other');
  await refused(succeed(old.id, heir.id, [app, 'example.none']), 'app-id-other');
  await refused(succeed(heir.id, old.id), 'succession-empty');
  await it.ask('app.reserve', { app: 'heir.*', member: heir.id });
  await refused(succeed(heir.id, old.id), 'succession-empty');
  await refused(
    it.ask('member.succeed', { member: old.id, to: heir.id, reason: 'x', decidedBy: 'y' }),
    'arguments-invalid',
  );
  await it.ask('member.suspend', { member: heir.id, ...decided });
  await refused(succeed(old.id, heir.id), 'member-standing');
  await refused(succeed(heir.id, old.id), 'member-standing');
  await it.ask('member.reinstate', { member: heir.id, ...decided });
  await it.ask('member.level', { member: heir.id, level: 2, vetting: { what: 'code', by: 'Ana' } });
  await succeed(far.id, heir.id);
  t.match(await it.told('example.far'), [{ from: { member: far.id } }]);
  t.match(await it.ask('app.show', { app }), { owner: old.id }, 'what was refused has changed nothing');
});

t.test('killed in the middle of it, the id is whose the statement and the ledger say', async (t) => {
  t.comment(`SEED=${seed} repeats it`);
  const random = randomFrom(seed);
  const directory = path.join(await ownFolder(t), 'd');
  const io = { out() {}, stop: new AbortController().signal, assetsDir: '' };
  const about = ['--territory', 'kowhai', '--name', 'Kōwhai', '--jurisdiction', 'AU-NSW', '--law', 'NSW'];
  await init(['--dir', directory, ...about], io);
  const socket = controlSocket(directory);
  const vetting = { what: 'papers', by: 'Ana' };
  let heard = 0;
  for (let round = 0; round < 3; round += 1) {
    const args = [command('webizen-provider'), 'serve', '--dir', directory, '--port-base', '0'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
    child.stdout.resume();
    if (round === 0) {
      for (const id of ['one-soft', 'two-soft']) {
        const request = await signMemberRequest({ key: newPrivateKey(), name: id, class: 'var', at: Date.now() });
        await callControl(socket, 'member.admit', { request, id, level: 1, charterVersion: '1', vetting });
      }
      await callControl(socket, 'app.reserve', { app, member: 'one-soft' });
    }
    const killAfter = 2 + Math.floor(random() * 6);
    const Owner = Type.Object({ owner: Type.String() });
    const life = async () => {
      for (let answers = 0; ; answers += 1) {
        const { owner } = answered(check(Owner, await callControl(socket, 'app.show', { app })));
        if (answers === killAfter) void delay(random() * 15).then(() => child.kill('SIGKILL'));
        const to = owner === 'one-soft' ? 'two-soft' : 'one-soft';
        const made = await callControl(socket, 'member.succeed', { member: owner, to, ...decided });
        heard = answered(check(Succession, made)).serial;
      }
    };
    await life().catch(() => {});
    await within(exit, 'the end of the provider');
    const rooms = await openRooms({ directory, files, clock: systemClock });
    const { members, registry, store } = rooms;
    const statements = (await store.successions.values().all()).map(({ succession }) => succession);
    const { entries } = await members.ledger();
    const acts = entries.filter(({ type }) => type === 'member.succeeded');
    t.same(
      acts.map(({ facts }) => facts.serial),
      statements.map(({ serial }) => serial),
    );
    t.equal(registry.owner(app)?.owner, statements.at(-1)?.to.member, 'the id is whose the last statement says');
    t.ok((statements.at(-1)?.serial ?? 0) >= heard, 'and what was answered is there');
    t.ok((await verifyMemberLedger(await members.ledger(), members.keys())).ok);
    await rooms.close();
  }
});
