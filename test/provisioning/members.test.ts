/** Members of a territory: by the built commands, and over https as a box or anybody sees them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { publicJwkOf, signJws } from '#common/jws.js';
import { verifyCredential } from '#common/members/credential.js';
import { signDpop } from '#common/members/dpop.js';
import { verifyMemberLedger } from '#common/members/ledger.js';
import { signMemberRequest } from '#common/members/request.js';
import { standingOf, verifyStatusLists } from '#common/members/status-list.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { MemberKeys, StatusLists } from '#contract/member.js';
import { MemberLedgerExport } from '#contract/member-register.js';
import { check, parseJson } from '#contract/parse.js';
import { Profile } from '#contract/profile.js';
import { keyRotationType } from '#contract/release.js';
import { init } from '../../provisioning/cli/init.js';
import { openRooms } from '../../provisioning/rooms.js';
import { controlSocket } from '../../provisioning/territory.js';
import { payloadOf } from '../support/alliance.js';
import { answered, day, refused, territory } from '../support/est.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { askCommand, command } from '../support/provider.js';
import { randomFrom, seed } from '../support/random.js';
import { within } from '../support/territory.js';

const vetting = { what: 'the extract of the companies register', by: 'Ana Rivera' };
const decided = { reason: 'a complaint that was upheld', decidedBy: 'the standing committee' };
const review = 'write to review@kowhai.example within 30 days';

const requestBy = (key = newPrivateKey(), name = 'Wattle Software') =>
  signMemberRequest({ key, name, class: 'var', contact: 'post@wattle.example', at: Date.now() });
const admission = (id: string, request: string) => ({ request, id, level: 1, charterVersion: '1.0', vetting });

/** The built command against a territory, and what it must answer. */
function commandsIn(directory: string) {
  const run = (...args: string[]) => askCommand('webizen-provider', ['member', ...args, '--dir', directory]);
  return {
    async done(t: Test, ...args: string[]): Promise<string> {
      const { status, stdout, stderr } = await run(...args);
      t.equal(status, 0, `member ${args.slice(0, 2).join(' ')} ${stderr}`);
      return stdout.trim();
    },
    async refused(t: Test, code: string, ...args: string[]): Promise<void> {
      t.match(await run(...args), { status: /[12]/, stderr: new RegExp(`^webizen-provider: ${code}: `) }, code);
    },
  };
}

t.test('a member from its request to its expulsion and back, by commands', async (t) => {
  const { directory, curl } = await territory(t);
  const { done, refused: refusedCommand } = commandsIn(directory);
  const folder = await ownFolder(t);
  const at = (name: string) => path.join(folder, name);
  const jwk = newPrivateKey();
  await writeFile(at('request.jws'), `${await requestBy(jwk)}\n`);
  await writeFile(at('extract.pdf'), 'the evidence');
  const keys = answered(parseJson(MemberKeys, (await curl('/v1/members/keys')).body));

  async function standing(id = 'wattle') {
    const credential = answered(check(Type.String(), (await curl(`/v1/members/credentials/${id}`)).body.toString()));
    const verified = await verifyCredential(credential, { keys, territory: 'kowhai', at: Date.now() });
    const answer = await curl('/v1/members/status');
    const lists = await verifyStatusLists(answered(parseJson(StatusLists, answer.body)), { keys, territory: 'kowhai' });
    if (!verified.ok || !lists.ok) throw new Error('not verified');
    const { sequence } = lists.suspension;
    return { credential: verified.credential, sequence, is: standingOf(verified.credential, lists) };
  }

  const vetted = ['--vetted', vetting.what, '--by', vetting.by, '--evidence', at('extract.pdf')];
  const admit = ['admit', at('request.jws'), '--id', 'wattle', '--level', '1', '--charter', '1.0', ...vetted];
  t.equal(await done(t, ...admit), 'member wattle is admitted: var Wattle Software, level 1');
  const first = await standing();
  t.equal(first.is, 'good');
  t.match(first.credential, {
    issuer: 'urn:webizen:territory:kowhai',
    credentialSubject: {
      member: 'wattle',
      name: 'Wattle Software',
      class: 'var',
      vettingLevel: 1,
      charterVersion: '1.0',
    },
    cnf: { jwk: await publicJwkOf(jwk) },
  });
  t.equal(await done(t, 'credential', 'wattle'), (await curl('/v1/members/credentials/wattle')).body.toString());
  await refusedCommand(t, 'member-exists', ...admit);
  await refusedCommand(t, 'arguments-invalid', ...admit, '--on', '2999-01-01');
  t.match(await done(t, 'list'), /^wattle +var +1 +good +\S+ +Wattle Software$/m);

  const why = ['--reason', decided.reason, '--decided-by', decided.decidedBy];
  await refusedCommand(t, 'arguments-invalid', 'suspend', 'wattle', '--reason', decided.reason);
  await refusedCommand(t, 'member-unknown', 'suspend', 'acacia', ...why);
  t.equal(await done(t, 'suspend', 'wattle', ...why), 'member wattle is suspended');
  const suspended = await standing();
  t.equal(suspended.is, 'suspended', 'seen at once');
  t.ok(suspended.sequence > first.sequence, 'in a list with a higher number');
  await refusedCommand(t, 'member-standing', 'suspend', 'wattle', ...why);
  t.equal(await done(t, 'reinstate', 'wattle', ...why), 'member wattle is in good standing');
  t.equal((await standing()).is, 'good');

  t.equal(
    await done(t, 'level', 'wattle', '2', ...vetted, '--charter', '1.1', '--on', '2026-02-03'),
    'member wattle has level 2',
  );
  t.match((await standing()).credential.credentialSubject, { vettingLevel: 2, charterVersion: '1.1' });

  await refusedCommand(t, 'arguments-invalid', 'expel', 'wattle', ...why);
  t.equal(await done(t, 'expel', 'wattle', ...why, '--review', review), 'member wattle is expelled');
  t.equal((await standing()).is, 'expelled');
  await refusedCommand(t, 'member-standing', 'level', 'wattle', '3', ...vetted);
  const shown = await done(t, 'show', 'wattle');
  t.match(shown, /^standing +expelled$/m);
  t.match(shown, /^checked +2026-02-03T00:00:00Z, the extract .+, by Ana Rivera, evidence [0-9a-f]{64}$/m);
  t.match(shown, /^expelled +\S+Z, a complaint that was upheld, by the standing committee, review: write to /m);
  await done(t, 'reinstate', 'wattle', ...why, '--review', 'none is needed');
  t.equal((await standing()).is, 'good', 'an expulsion that was overturned on review is undone everywhere');

  t.test('and all of it stands in the ledger, which can be checked elsewhere', async (t) => {
    const told = await done(t, 'ledger');
    const acts = ['admitted', 'suspended', 'reinstated', 'level', 'expelled', 'reinstated'];
    acts.forEach((act, index) => {
      t.match(told, new RegExp(`^${index} +\\S+Z +${act} +wattle +`, 'm'), `${index} ${act}`);
    });
    t.match(told, /^4 .+ from good, reason a complaint .+, decidedBy the standing committee, review write to /m);
    t.match(told, /^the chain holds: 6 decisions, head [0-9a-f]{64}$/m);
    t.match(await done(t, 'ledger', '--out', at('ledger.json')), /^6 decisions are in /);
    const offline = (...args: string[]) => askCommand('webizen-provider', ['member', 'ledger', ...args]);
    const itsKeys = path.join(directory, 'members/keys.json');
    t.equal((await offline('--verify', at('ledger.json'), '--keys', itsKeys)).status, 0);
    const whole = await readFile(at('ledger.json'), 'utf8');
    const changes: [string, string][] = [
      [whole.replace('the standing committee', 'the sitting committee'), 'it was altered'],
      [
        whole.replace(/"signature":"[^."]+\.\.[^"]{20}/, (found) => `${found.slice(0, -20)}${'A'.repeat(20)}`),
        'entry 0',
      ],
    ];
    for (const [text, says] of changes) {
      await writeFile(at('altered.json'), text);
      t.match(await offline('--verify', at('altered.json')), {
        stderr: new RegExp(`member-ledger-damaged: .*${says}`),
      });
    }
    const cut = answered(parseJson(MemberLedgerExport, whole));
    t.match(await verifyMemberLedger({ ...cut, entries: cut.entries.slice(1) }), { ok: false, index: 0 });
    await writeFile(at('others.json'), JSON.stringify([await publicJwkOf(newPrivateKey())]));
    const byOthers = await offline('--verify', at('ledger.json'), '--keys', at('others.json'));
    t.match(byOthers, { stderr: /member-ledger-damaged: .*not signed by the territory \(foreign\)/ });
  });

  t.test('the table of what each level may ask for is the territory’s own', async (t) => {
    t.match(await done(t, 'policy'), /^network\.egress:\* +2$/m);
    await refusedCommand(t, 'arguments-invalid', 'policy', '--set', 'teleport=1', ...why);
    await refusedCommand(t, 'arguments-invalid', 'policy', '--set', 'storage=4', ...why);
    await refusedCommand(t, 'arguments-invalid', 'policy', '--set', 'storage=2');
    t.match(await done(t, 'policy', '--set', 'network.egress:*=3', ...why), /^network\.egress:\* +3$/m);
    t.match(await done(t, 'ledger'), /^6 +\S+Z +policy +- +network\.egress:\* 3, reason a complaint/m);
  });
});

t.test('what anybody may read is read with tags, and what a box is told names the keys', async (t) => {
  const { curl, enrolled, directory } = await territory(t);
  for (const place of ['/v1/members/keys', '/v1/members/status', '/v1/members/status/revocation']) {
    const { status, headers } = await curl(place);
    t.equal(status, 200, place);
    t.match(headers, /^cache-control: no-cache\r?$/im);
    const tag = /^etag: ("[^"]+")\r?$/im.exec(headers)?.[1] ?? '';
    t.equal((await curl(place, { header: `If-None-Match: ${tag}` })).status, 304);
    t.equal((await curl(place, { header: 'If-None-Match: "another"' })).status, 200);
  }
  t.match((await curl('/v1/members/status/suspension')).headers, /^content-type: application\/vc\+jwt\r?$/im);
  refused(t, await curl('/v1/members/status/other'), 404, 'not-found');
  refused(t, await curl('/v1/members/credentials/acacia'), 404, 'member-unknown');

  const box = await enrolled();
  const profile = answered(parseJson(Profile, (await curl('/v1/profile', { with: box.with })).body));
  const keys = answered(parseJson(MemberKeys, await readFile(path.join(directory, 'members/keys.json'))));
  t.same(profile.memberKeys, keys);
  t.same(answered(parseJson(MemberKeys, (await curl('/v1/members/keys')).body)), keys);
  t.equal((await stat(path.join(directory, 'members/signing.key'))).mode & 0o777, 0o600);
});

t.test('the signed directory of the alliance names the keys of a territory', async (t) => {
  const { directory } = await territory(t);
  const A = path.join(await ownFolder(t), 'A');
  const alliance = (...args: string[]) => askCommand('webizen-provider', ['alliance', ...args, '--dir', A]);
  const keysFile = path.join(directory, 'members/keys.json');
  const keys = answered(parseJson(MemberKeys, await readFile(keysFile)));
  t.equal((await alliance('init')).status, 0);
  const law = ['--jurisdiction', 'AU-NSW', '--law', 'NSW', '--provider', 'K', '--est', 'https://kowhai.example:8440'];
  const add = ['territory', 'add', '--name', 'Kōwhai', ...law, '--ca', path.join(directory, 'ca/root.crt')];
  const withKeys = await alliance(...add, '--id', 'kowhai', '--member-keys', keysFile);
  t.equal(withKeys.status, 0, withKeys.stderr);
  t.equal((await alliance(...add, '--id', 'rimu')).status, 0);
  const wrong = path.join(A, 'wrong.json');
  await writeFile(wrong, JSON.stringify([{ ...keys[0], kid: 'A'.repeat(43) }]));
  t.match(await alliance('territory', 'keys', 'rimu', '--member-keys', wrong), { stderr: /: member-keys-invalid: / });
  const named = await alliance('territory', 'keys', 'rimu', '--member-keys', keysFile);
  t.equal(named.status, 0, named.stderr);
  const file = path.join(A, 'directory.jws');
  t.equal((await alliance('publish', '--out', file)).status, 0);
  const published = payloadOf((await readFile(file, 'utf8')).trim());
  t.match(published, {
    territories: [
      { id: 'kowhai', memberKeys: keys },
      { id: 'rimu', memberKeys: keys },
    ],
  });
});

/** The rooms alone, in this process, by a clock that the test moves. */
async function register(t: Test, { start = true } = {}) {
  const directory = path.join(await ownFolder(t), 'd');
  const io = { out() {}, stop: new AbortController().signal, assetsDir: '' };
  const about = ['--territory', 'kowhai', '--name', 'Kōwhai', '--jurisdiction', 'AU-NSW', '--law', 'NSW'];
  await init(['--dir', directory, ...about], io);
  const clock = createManualClock();
  const open = async () => {
    const rooms = await openRooms({ directory, files, clock });
    if (start) await rooms.members.start('https://kowhai.example:8440');
    return rooms;
  };
  let rooms = await open();
  t.teardown(() => rooms.close());
  return {
    directory,
    clock,
    get members() {
      return rooms.members;
    },
    async again() {
      await rooms.close();
      rooms = await open();
    },
    /** The lists as anybody verifies them. */
    async lists() {
      const { members } = rooms;
      const lists = await verifyStatusLists(await members.status(), { keys: members.keys(), territory: 'kowhai' });
      if (!lists.ok) throw new Error(lists.fault);
      return lists;
    },
    async standing(credential: string) {
      const { members } = rooms;
      const verified = await verifyCredential(credential, { keys: members.keys(), at: clock.now() });
      if (!verified.ok) throw new Error(verified.fault);
      return standingOf(verified.credential, await this.lists());
    },
  };
}

const refusal = (t: Test, promise: Promise<unknown>, code: string) => t.rejects(promise, { code }, code);

t.test('who is admitted showed a request of its own, with a key that nobody used', async (t) => {
  const { members } = await register(t);
  const request = await requestBy();
  const [header, payload, signature = ''] = request.split('.');
  const forged = `${header}.${payload}.${signature.slice(0, 40)}${signature.slice(40) === 'A'.repeat(46) ? 'B'.repeat(46) : 'A'.repeat(46)}`;
  await refusal(t, members.admit(admission('wattle', forged)), 'member-request-forged');
  await refusal(t, members.admit(admission('wattle', 'no request')), 'member-request-malformed');
  t.same(members.list(), []);
  await members.admit(admission('wattle', request));
  await refusal(t, members.admit(admission('acacia', request)), 'member-key-taken');
  await members.admit(admission('acacia', await requestBy(undefined, 'Acacia')));
  t.same(
    members.list().map(({ id }) => id),
    ['acacia', 'wattle'],
  );
  t.equal((await members.ledger()).entries.length, 2, 'what was refused was not decided');
});

t.test('where the territory can be reached must be known before anything is certified', async (t) => {
  const { members } = await register(t, { start: false });
  await refusal(t, members.admit(admission('wattle', await requestBy())), 'member-origin-unknown');
  t.same(members.list(), []);
});

t.test('a key passes to the next by a statement of its own, and a lost one is replaced by decision', async (t) => {
  const room = await register(t);
  const [first, second, third, stranger] = [newPrivateKey(), newPrivateKey(), newPrivateKey(), newPrivateKey()];
  const statement = async (by: typeof first, next: typeof first, member = 'wattle') => {
    const payload = Buffer.from(JSON.stringify({ member, jwk: await publicJwkOf(next), at: room.clock.now() }));
    return signJws({ type: keyRotationType, payload, key: by });
  };
  await room.members.admit(admission('wattle', await requestBy(first)));
  const before = room.members.credentialOf('wattle');
  const { members } = room;
  await refusal(t, members.rotate('wattle', await statement(stranger, second)), 'member-rotation-invalid');
  await refusal(t, members.rotate('wattle', await statement(first, second, 'acacia')), 'member-rotation-invalid');
  await refusal(t, members.rotate('wattle', before), 'member-rotation-invalid');
  await refusal(t, members.rotate('wattle', await statement(first, first)), 'member-key-taken');
  const passed = await members.rotate('wattle', await statement(first, second));
  t.equal(passed.jwk.kid, (await publicJwkOf(second)).kid);
  await refusal(t, members.rotate('wattle', await statement(first, third)), 'member-rotation-invalid');
  t.equal(await room.standing(before), 'good', 'what the first key signed is still good');
  await members.suspend('wattle', decided);
  t.equal(await room.standing(before), 'suspended', 'and follows its member');
  await members.reinstate('wattle', decided);

  const lost = members.credentialOf('wattle');
  const given = await members.replaceKey('wattle', await requestBy(third), decided);
  t.match(given.formerKeys, [{ lost: false }, { lost: true }]);
  t.equal(await room.standing(lost), 'suspended', 'nothing more is installed by a lost key');
  t.equal(await room.standing(given.credential), 'good');
  await members.expel('wattle', { ...decided, review });
  t.equal(await room.standing(lost), 'expelled');
  t.equal(await room.standing(given.credential), 'expelled');
  await refusal(t, members.replaceKey('wattle', await requestBy(stranger), decided), 'member-standing');
  await members.reinstate('wattle', decided);
  t.equal(await room.standing(lost), 'suspended', 'a lost key stays suspended');
});

t.test('who asks as a member shows its credential and a proof for this request, once', async (t) => {
  const { members, clock } = await register(t);
  const key = newPrivateKey();
  await members.admit(admission('wattle', await requestBy(key)));
  const told: string[] = [];
  t.teardown(members.onChange((member) => told.push(member)));
  const credential = members.credentialOf('wattle');
  const url = 'https://kowhai.example:8440/v1/catalogue/releases';
  const shown = async (by = key, more: object = {}) => {
    const wish = { key: by, credential, method: 'POST', url, at: clock.now(), ...more };
    return { credential, proof: await signDpop(wish), method: 'POST', url };
  };
  const good = await shown();
  t.match(await members.authenticate(good), { id: 'wattle', level: 1, standing: 'good' });
  await refusal(t, members.authenticate(good), 'proof-replayed');
  await refusal(t, members.authenticate(await shown(newPrivateKey())), 'proof-invalid');
  await refusal(t, members.authenticate(await shown(key, { method: 'GET' })), 'proof-invalid');
  await refusal(t, members.authenticate({ ...(await shown()), credential: 'none' }), 'credential-malformed');
  const early = await shown();
  clock.advance(301_000);
  await refusal(t, members.authenticate(early), 'proof-stale');
  await members.suspend('wattle', { ...decided, review });
  await t.rejects(members.authenticate(await shown()), {
    code: 'member-suspended',
    detail: /complaint.+review: write/,
  });
  await members.expel('wattle', { ...decided, review });
  await refusal(t, members.authenticate(await shown()), 'member-expelled');
  await members.reinstate('wattle', decided);
  await members.replaceKey('wattle', await requestBy(), decided);
  await refusal(t, members.authenticate(await shown()), 'credential-superseded');
  t.same(told, Array(4).fill('wattle'), 'whoever listens is told of each decision');

  t.ok(members.mayAsk('wattle', 'network.egress:api.example.com'));
  t.notOk(members.mayAsk('wattle', 'network.egress:*'), 'level 1 may not ask for every host');
  await members.level('wattle', { level: 2, vetting });
  t.ok(members.mayAsk('wattle', 'network.egress:*'));
  await members.setPolicy({ 'network.egress:*': 3 }, decided);
  t.notOk(members.mayAsk('wattle', 'network.egress:*'));
  t.notOk(members.mayAsk('acacia', 'storage'), 'a stranger may ask for nothing');
});

t.test('lists stay young and credentials are renewed, and no number goes back with the clock', async (t) => {
  const room = await register(t);
  await room.members.admit(admission('wattle', await requestBy()));
  const first = await room.lists();
  const credential = room.members.credentialOf('wattle');
  /** Each hour the provider looks; whatever it then does has ended when it sleeps again. */
  const hours = async (count: number) => {
    for (let hour = 0; hour < count; hour += 1) {
      room.clock.advance(3_600_000);
      await room.clock.sleeping();
    }
  };
  await hours(25);
  const second = await room.lists();
  t.ok(second.suspension.sequence > first.suspension.sequence);
  t.ok(room.clock.now() - second.madeAt < day, 'made anew within a day, long before half of their time');
  t.equal(room.members.credentialOf('wattle'), credential);

  room.clock.advance(-30 * day);
  await room.again();
  const third = await room.lists();
  t.ok(third.suspension.sequence > second.suspension.sequence);
  t.ok(third.madeAt <= room.clock.now());
  await room.again();
  t.equal((await room.lists()).suspension.sequence, third.suspension.sequence, 'a restart alone makes none');

  room.clock.advance(250 * day);
  await room.again();
  t.not(room.members.credentialOf('wattle'), credential, 'past half of its time');
  t.equal(await room.standing(room.members.credentialOf('wattle')), 'good');
  t.same(
    room.members.show('wattle').history.map(({ act }) => act),
    ['member.admitted'],
  );
});

t.test('a suspension for some days ends by itself, over restarts, and does not follow itself', async (t) => {
  const room = await register(t);
  await room.members.admit(admission('wattle', await requestBy()));
  await room.members.suspendUntil('wattle', 10, decided);
  const credential = () => room.members.credentialOf('wattle');
  t.equal(await room.standing(credential()), 'suspended');
  room.clock.advance(9 * day);
  await room.again();
  t.equal(await room.standing(credential()), 'suspended', 'not before');
  room.clock.advance(day);
  await room.clock.sleeping();
  t.equal(await room.standing(credential()), 'good');
  t.match(room.members.show('wattle').history.at(-1), { act: 'member.interim-ended' });
  await t.rejects(room.members.suspendUntil('wattle', 1, decided), { code: 'interim-used' });
  room.clock.advance(90 * day);
  await room.again();
  await room.members.suspendUntil('wattle', 1, decided);
  await room.members.reinstate('wattle', decided);
  await t.rejects(room.members.suspendUntil('wattle', 1, decided), { code: 'interim-used' }, 'what ended it counts');
  room.clock.advance(90 * day);
  await room.again();
  await room.members.suspendUntil('wattle', 1, decided);
  await room.members.expel('wattle', { ...decided, review });
  room.clock.advance(2 * day);
  await room.again();
  t.equal(room.members.show('wattle').standing, 'expelled', 'what was decided since holds');
});

t.test(
  'another key signs for the members: everything is signed anew, and the one before is believed in its time',
  async (t) => {
    const room = await register(t);
    const { directory } = room;
    const file = (name: string) => readFile(path.join(directory, 'members', name), 'utf8').catch(() => undefined);
    const key = newPrivateKey();
    await room.members.admit(admission('wattle', await requestBy(key)));
    await room.members.admit(admission('acacia', await requestBy()));
    await room.members.expel('acacia', { ...decided, review });
    const [first] = room.members.keys();
    const old = { credential: room.members.credentialOf('wattle'), lists: await room.members.status() };
    const { sequence } = (await room.lists()).suspension;
    const wish = { territory: 'kowhai', at: room.clock.now() };
    const faultOf = async (credential: string) => {
      const read = await verifyCredential(credential, { ...wish, keys: room.members.keys() });
      return read.ok ? undefined : read.fault;
    };

    const next = await room.members.announceKey();
    t.same(await room.members.announceKey(), next, 'announced once');
    t.same(JSON.parse((await file('keys.json')) ?? ''), [first, next], 'listed, for the alliance and for boxes');
    t.equal(room.members.credentialOf('wattle'), old.credential, 'and signs nothing yet');
    await room.again();
    t.same(room.members.keys(), [first, next]);

    t.same(await room.members.rollKey({ ...decided, compromised: false }), [next, first]);
    t.equal(await file('next.key'), undefined);
    const credential = room.members.credentialOf('wattle');
    const only = { ...wish, keys: [next] };
    t.ok((await verifyCredential(credential, only)).ok, 'a credential is signed by it');
    const lists = await verifyStatusLists(await room.members.status(), only);
    if (!lists.ok) throw new Error(lists.fault);
    t.ok(lists.suspension.sequence > sequence, 'so are the lists, under a higher number');
    t.equal(await faultOf(old.credential), undefined, 'what the one before signed is believed');
    t.equal(await room.standing(room.members.credentialOf('acacia')), 'expelled');
    const proof = { method: 'GET', url: 'https://kowhai.example:8440/v1/catalogue/apps/a.b' };
    for (const shown of [old.credential, credential]) {
      const made = await signDpop({ key, credential: shown, ...proof, at: room.clock.now() });
      t.match(await room.members.authenticate({ credential: shown, proof: made, ...proof }), { id: 'wattle' });
    }
    await room.again();
    t.same(room.members.keys(), [next, first], 'a restart changes nothing');
    t.equal(room.members.credentialOf('wattle'), credential);
    await room.members.suspend('wattle', decided);
    const ledger = await room.members.ledger();
    t.ok((await verifyMemberLedger(ledger, [next])).ok, 'whoever believes the new key believes the ledger before it');
    t.notOk((await verifyMemberLedger(ledger, [await publicJwkOf(newPrivateKey())])).ok);

    t.test('stolen, it is believed no more from the moment on, nor is what was announced beside it', async (t) => {
      const beside = await room.members.announceKey();
      const stolen = room.members.credentialOf('wattle');
      const [fresh, ...others] = await room.members.rollKey({ ...decided, compromised: true });
      t.same(others, []);
      t.notOk([first, next, beside].some((one) => one?.kid === fresh?.kid));
      t.equal(await faultOf(stolen), 'foreign');
      t.match(await verifyStatusLists(old.lists, { ...wish, keys: room.members.keys() }), {
        ok: false,
        fault: 'foreign',
      });
      t.equal(await room.standing(room.members.credentialOf('wattle')), 'suspended');
      room.clock.advance(-day);
      await room.again();
      t.same(room.members.keys(), [fresh], 'also when the clock goes back');
      t.ok((await verifyMemberLedger(await room.members.ledger(), room.members.keys())).ok);
    });

    t.test('a cut behind the commit is made up for at the next start', async (t) => {
      const held = await file('signing.key');
      await room.members.rollKey({ ...decided, compromised: false });
      const [now] = room.members.keys();
      const promoted = await file('signing.key');
      await writeFile(path.join(directory, 'members/next.key'), promoted ?? '');
      await writeFile(path.join(directory, 'members/signing.key'), held ?? '');
      await room.again();
      t.equal(room.members.keys()[0]?.kid, now?.kid);
      t.equal(await file('signing.key'), promoted);
      t.equal(await file('next.key'), undefined);
      t.equal(await room.standing(room.members.credentialOf('wattle')), 'suspended');
    });

    t.test('with the last of what it signed, a key is done with', async (t) => {
      t.equal(room.members.keys().length, 2);
      room.clock.advance(367 * day);
      t.equal(room.members.keys().length, 1);
    });
  },
);

t.test('a backup carries register, ledger and key, and the lists of a restored territory go ahead of it', async (t) => {
  const { directory, ask } = await territory(t);
  const folder = await ownFolder(t);
  await ask('member.admit', admission('wattle', await requestBy()));
  await ask('member.suspend', { member: 'wattle', ...decided });
  const provider = (...args: string[]) => askCommand('webizen-provider', args);
  const at = (name: string) => path.join(folder, name);
  t.equal((await provider('backup', '--dir', directory, '--out', at('backup'))).status, 0);
  await ask('member.reinstate', { member: 'wattle', ...decided });
  const sequence = async (where: string) => {
    const rooms = await openRooms({ directory: where, files, clock: systemClock });
    await rooms.members.start('https://kowhai.example:8440');
    const lists = await rooms.members.lists();
    const members = rooms.members.list();
    const verdict = await verifyMemberLedger(await rooms.members.ledger(), rooms.members.keys());
    await rooms.close();
    return { sequence: lists.sequence, members, verdict };
  };
  const restored = await provider('restore', '--from', at('backup'), '--dir', at('restored'));
  t.equal(restored.status, 0, restored.stderr);
  for (const file of ['members/signing.key', 'members/keys.json'])
    t.same(await readFile(path.join(at('restored'), file)), await readFile(path.join(directory, file)), file);
  const now = await sequence(at('restored'));
  t.match(now, { members: [{ id: 'wattle', standing: 'suspended' }], verdict: { ok: true, head: { length: 2 } } });
  t.ok(now.sequence > Math.floor(Date.now() / 1000) + 900_000, 'above whatever was published since the backup');
});

t.test(
  'killed in the middle of decisions, record, ledger and lists agree, and what was answered is there',
  async (t) => {
    t.comment(`SEED=${seed} repeats it`);
    const random = randomFrom(seed);
    const directory = path.join(await ownFolder(t), 'd');
    const io = { out() {}, stop: new AbortController().signal, assetsDir: '' };
    const about = ['--territory', 'kowhai', '--name', 'Kōwhai', '--jurisdiction', 'AU-NSW', '--law', 'NSW'];
    await init(['--dir', directory, ...about], io);
    const socket = controlSocket(directory);
    /** What was answered last of each: `undefined` while an answer was cut off. */
    const known = new Map<string, string | undefined>();
    let highest = 0;
    for (let round = 0; round < 4; round += 1) {
      const args = [command('webizen-provider'), 'serve', '--dir', directory, '--port-base', '0'];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      t.teardown(() => child.kill('SIGKILL'));
      const exit = once(child, 'exit');
      for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
      child.stdout.resume();
      const killAfter = 3 + Math.floor(random() * 12);
      let answers = 0;
      const act = async (id: string, operation: string, parameters: object, becomes: string) => {
        known.set(id, undefined);
        await callControl(socket, operation, parameters);
        known.set(id, becomes);
        answers += 1;
        // Not at an answer, but somewhere in what is decided next.
        if (answers === killAfter) void delay(random() * 15).then(() => child.kill('SIGKILL'));
      };
      const life = async (id: string) => {
        await act(id, 'member.admit', admission(id, await requestBy()), 'good');
        for (;;) {
          await act(id, 'member.suspend', { member: id, ...decided }, 'suspended');
          await act(id, 'member.reinstate', { member: id, ...decided }, 'good');
        }
      };
      await Promise.allSettled([life(`a-${round}`), life(`b-${round}`)]);
      await within(exit, 'the end of the provider');

      const rooms = await openRooms({ directory, files, clock: systemClock });
      const { members } = rooms;
      const keys = members.keys();
      const lists = await verifyStatusLists(await members.status(), { keys, territory: 'kowhai' });
      if (!lists.ok) throw new Error(lists.fault);
      const records = members.list();
      for (const { id, standing, credential } of records) {
        const verified = await verifyCredential(credential, { keys, at: Date.now() });
        if (!verified.ok) throw new Error(verified.fault);
        t.equal(standingOf(verified.credential, lists), standing, `${id}: the lists say what the record says`);
      }
      for (const [id, standing] of known)
        if (standing !== undefined) t.equal(members.find(id)?.standing, standing, `${id}: what was answered is there`);
      const { entries } = await members.ledger();
      t.ok((await verifyMemberLedger(await members.ledger(), keys)).ok, 'the ledger holds together');
      const told = records.flatMap(({ history }) => history.map(({ entry, act }) => ({ entry, act })));
      t.same(
        told.sort((a, b) => a.entry - b.entry),
        entries.map(({ index, type }) => ({ entry: index, act: type })),
        'and has each decision once',
      );
      t.ok(lists.suspension.sequence >= highest && lists.suspension.sequence === lists.revocation.sequence);
      highest = lists.suspension.sequence;
      const places = records.map(({ status }) => status.suspension);
      t.equal(new Set(places).size, places.length);
      await rooms.close();
    }
  },
);
