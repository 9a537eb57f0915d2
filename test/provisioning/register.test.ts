/** The public register of decisions: read, proven and audited by anybody; held against other histories by boxes. */
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Static, TSchema } from 'typebox';
import { systemClock } from '#common/clock.js';
import { publicJwkOf } from '#common/jws.js';
import { auditRegister } from '#common/members/audit.js';
import { makeEntry } from '#common/members/ledger.js';
import { continues, signHead, standsIn, verifyHead } from '#common/members/register.js';
import { signMemberRequest } from '#common/members/request.js';
import { newPrivateKey } from '#common/pki/keys.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { MemberKeys, StatusLists } from '#contract/member.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { RegisterEntries, RegisterProof, RegisterState } from '#contract/register.js';
import { createMembers } from '../../agent/members/members.js';
import { type Fork, openHeldRegisters } from '../../agent/members/register.js';
import { openStore as openBoxStore } from '../../agent/store/store.js';
import { openLog } from '../../provisioning/members/log.js';
import { openStore } from '../../provisioning/store/store.js';
import { answered, refused, territory } from '../support/est.js';
import { ownFolder } from '../support/folder.js';
import { askCommand } from '../support/provider.js';

const decided = { reason: 'a complaint that was upheld', decidedBy: 'the standing committee' };
const vetting = { what: 'the extract of the companies register', by: 'the register office' };

/** A real provider, decisions of its operator, and what strangers read there. */
async function decidingTerritory(t: Test) {
  const made = await territory(t);
  const get = async <T extends TSchema>(address: string, schema: T): Promise<Static<T>> =>
    answered(parseJson(schema, (await made.curl(address)).body));
  const admit = async (id: string) =>
    made.ask('member.admit', {
      ...{ id, level: 1, charterVersion: '1.0', vetting },
      request: await signMemberRequest({ key: newPrivateKey(), name: id, class: 'var', at: Date.now() }),
    });
  const suspend = (id: string) => made.ask('member.suspend', { member: id, ...decided });
  const keys = () => get('/v1/members/keys', MemberKeys);
  async function head() {
    const state = await get('/v1/register', RegisterState);
    const read = await verifyHead(state.head, { keys: await keys(), territory: 'kowhai' });
    if (!read.ok) throw new Error(read.fault);
    return { ...read.head, jws: state.head, ever: state.keys };
  }
  const entries = async (start: number, end: number) =>
    (await get(`/v1/register/entries?start=${start}&end=${end}`, RegisterEntries)).entries;
  const proof = async (kind: string) => (await get(`/v1/register/${kind}`, RegisterProof)).proof;
  return { ...made, get, admit, suspend, keys, head, entries, proof };
}

t.test('every decision stands in the register, proven, and every head continues those before it', async (t) => {
  const { admit, suspend, head, entries, proof, curl } = await decidingTerritory(t);
  const heads = [await head()];
  t.equal(heads[0]?.size, 0, 'nothing was decided yet');
  for (const id of ['wattle', 'banksia', 'grevillea']) {
    await admit(id);
    heads.push(await head());
  }
  await suspend('banksia');
  heads.push(await head());
  t.same(
    heads.map(({ size }) => size),
    [0, 1, 2, 3, 4],
    'each decision is in the head that follows it',
  );
  const last = heads.at(-1)!;
  for (const entry of await entries(0, 4))
    t.ok(standsIn(entry, last, await proof(`inclusion?index=${entry.index}&size=4`)), `entry ${entry.index}`);
  for (const before of heads)
    t.ok(continues(before, last, await proof(`consistency?from=${before.size}&to=4`)), `the head of ${before.size}`);
  const [suspended] = await entries(3, 4);
  t.match(suspended, { type: 'member.suspended', facts: { member: 'banksia', ...decided } });
  const altered = { ...suspended!, facts: { ...suspended!.facts, reason: 'none' } };
  t.notOk(standsIn(altered, last, await proof('inclusion?index=3&size=4')), 'no other decision stands there');

  for (const wrong of [
    'inclusion?index=4&size=4',
    'inclusion?index=0&size=5',
    'consistency?from=5&to=4',
    'entries?start=0&end=9',
  ])
    refused(t, await curl(`/v1/register/${wrong}`), 416, 'range-invalid');
  for (const wrong of ['inclusion?index=0', 'consistency?from=-1&to=2', 'entries?start=x&end=1'])
    refused(t, await curl(`/v1/register/${wrong}`), 400, 'body-invalid');
});

t.test('anybody audits it by one command, which remembers what it has seen', async (t) => {
  const { admit, suspend, url, root } = await decidingTerritory(t);
  const folder = await ownFolder(t);
  const seen = path.join(folder, 'seen.jws');
  const audit = (...more: string[]) =>
    askCommand('webizen', [
      'register',
      'audit',
      'kowhai',
      '--catalogue',
      url.origin,
      '--ca',
      root,
      '--seen',
      seen,
      ...more,
    ]);
  await admit('wattle');
  t.match(await audit(), {
    status: 0,
    stdout: /0 +\S+ +member\.admitted +wattle.*\n1 decisions, as kowhai signed/,
  });
  await suspend('wattle');
  t.match(await audit(), { status: 0, stdout: /it continues the register of 1 decisions that was seen on/ });

  const own = newPrivateKey();
  const ownKeys = path.join(folder, 'keys.json');
  await writeFile(ownKeys, JSON.stringify([await publicJwkOf(own)]));
  t.match(await audit('--keys', ownKeys), { status: 1, stderr: /register-foreign/ }, 'by no keys but those believed');
});

/** A ledger of so many decisions by a key of ours, over a real store, and its signed heads. */
async function ownLog(t: Test, key = newPrivateKey()) {
  const store = await openStore(await ownFolder(t));
  t.teardown(() => store.close());
  const log = await openLog(store);
  let last: LedgerEntry | undefined;
  return {
    ...{ store, log, key },
    async decide(reason: string): Promise<LedgerEntry> {
      const after = last ?? { ledger: '0'.repeat(32) };
      const entry = await makeEntry({ after, at: Date.now(), type: 'member.level', facts: { reason }, key });
      const put = { type: 'put' as const, sublevel: store.memberLedger, value: entry };
      await store.commit([
        { ...put, key: String(entry.index).padStart(12, '0') },
        ...(await log.with(entry)).operations,
      ]);
      log.added(entry);
      last = entry;
      return entry;
    },
    entries: () => store.memberLedger.values().all(),
    async head() {
      const head = { territory: 'north', ...(await log.now()), at: Date.now() };
      return { head, jws: await signHead({ key, head }) };
    },
  };
}

t.test('an audit finds a history that was changed, cut or forged', async (t) => {
  const [log, other] = [await ownLog(t), await ownLog(t)];
  for (const reason of ['one', 'two', 'three', 'four', 'five']) await log.decide(reason);
  const before = (await log.head()).head;
  await log.decide('six');
  await log.decide('seven');
  const believed = [await publicJwkOf(log.key)];
  const entries = await log.entries();
  const { head } = await log.head();
  const registerOf = (list: LedgerEntry[]) => ({
    ...{ format: 'webizen-member-ledger-1' as const, territory: 'north', keys: believed, entries: list },
  });
  const audit = (list: LedgerEntry[], over: object = {}) =>
    auditRegister({ register: registerOf(list), head, before, believed, ...over });
  t.same(await audit(entries), { ok: true });
  t.same(await audit(entries, { before: undefined }), { ok: true });
  t.same(await audit(entries.slice(0, 5), { head: before }), { ok: true }, 'nothing new');

  for (const reason of ['one', 'another', 'three', 'four', 'five', 'six', 'seven']) await other.decide(reason);
  const rewritten = await (async () => {
    const same = await ownLog(t, log.key);
    for (const reason of ['one', 'another', 'three', 'four', 'five', 'six', 'seven']) await same.decide(reason);
    return { list: await same.entries(), head: (await same.head()).head };
  })();
  t.match(await audit(rewritten.list, { head: rewritten.head }), { ok: false, fault: 'forked' }, 'signed anew');
  t.match(await audit(entries.slice(0, 3), { head: { ...head, size: 3 } }), { fault: 'forgotten' });
  t.match(await audit(entries.slice(0, 6)), { fault: 'head' }, 'the newest is left out');
  t.match(await audit(entries, { head: { ...head, root: before.root } }), { fault: 'head' });
  t.match(await audit(await other.entries()), { fault: 'chain' }, 'signed by somebody else');
  const altered = entries.map((entry, index) => (index === 2 ? { ...entry, facts: { reason: 'none' } } : entry));
  t.match(await audit(altered), { fault: 'chain', why: /entry 2/ });
});

t.test('a ledger from before there was a tree gets the same tree', async (t) => {
  const log = await ownLog(t);
  for (let index = 0; index < 21; index += 1) await log.decide(`decision ${index}`);
  const { root } = await log.log.now();
  await log.store.registerNodes.clear();
  t.same(await (await openLog(log.store)).now(), { size: 21, root });
  for (const key of await log.store.registerNodes.keys().all()) {
    const [level = 0, place = 0] = key.split('/').map(Number);
    if ((place + 1) * 2 ** level > 16) await log.store.registerNodes.del(key);
  }
  t.same(await (await openLog(log.store)).now(), { size: 21, root }, 'also where it was begun and cut');
});

/** What a box keeps of registers, over a real store. */
async function boxKeeping(t: Test, keys: () => Awaited<ReturnType<typeof publicJwkOf>>[]) {
  const store = await openBoxStore(await ownFolder(t));
  t.teardown(() => store.close());
  const forks: Fork[] = [];
  const open = () =>
    openHeldRegisters({
      store,
      keys,
      onFork: async (fork) => void forks.push(fork),
    });
  return { forks, open };
}

t.test('a box follows what continues, whoever shows it, and keeps what does not as evidence', async (t) => {
  const log = await ownLog(t);
  const jwk = await publicJwkOf(log.key);
  let keys = [jwk];
  const { forks, open } = await boxKeeping(t, () => keys);
  const heads = [];
  for (const reason of ['one', 'two', 'three', 'four', 'five', 'six']) {
    await log.decide(reason);
    heads.push(await log.head());
  }
  const prove = (from: number, to: number) => log.log.consistency(from, to);
  const broken = () => Promise.reject(new Error('the disk is gone'));
  const held = await open();
  await held.take('north', heads[1]!.jws, prove);
  await held.take('north', heads[4]!.jws, prove);
  t.equal(held.of('north')?.size, 5, 'it goes on');
  await held.take('north', heads[2]!.jws, prove);
  t.equal(held.of('north')?.size, 5, 'an older one that it continues changes nothing');
  await t.rejects(held.take('north', heads[5]!.jws, broken), /the disk is gone/, 'only a refusal is put off');
  t.same(forks, []);

  const fork = await ownLog(t, log.key);
  for (const reason of ['one', 'two', 'hidden', 'four', 'five', 'six', 'seven']) await fork.decide(reason);
  const shown = await fork.head();
  await held.take('north', shown.jws, (from, to) => fork.log.consistency(from, to));
  t.same(forks, [{ territory: 'north', held: heads[4]!.jws, shown: shown.jws }], 'both, as they were signed');
  t.equal(held.of('north')?.root, heads[4]!.head.root, 'the first stays');
  await held.take('north', shown.jws, (from, to) => fork.log.consistency(from, to));
  const again = await open();
  await again.take('north', shown.jws, prove);
  t.equal(forks.length, 1, 'told once, also after a restart');
  await again.take('north', heads[5]!.jws, async () => null);
  t.equal(forks.length, 2, 'a territory that says it holds less than it signed has forgotten');

  for (const [wrong, code] of [
    ['nonsense', 'register-malformed'],
    [await signHead({ key: newPrivateKey(), head: heads[0]!.head }), 'register-foreign'],
    [await signHead({ key: log.key, head: { ...heads[0]!.head, territory: 'south' } }), 'register-foreign'],
    [`${heads[0]!.jws.slice(0, -4)}AAAA`, 'register-forged'],
  ] as const)
    await t.rejects(again.take('north', wrong, prove), { code }, code);

  const next = newPrivateKey();
  keys = [await publicJwkOf(next)];
  const after = await signHead({ key: next, head: shown.head });
  await again.take('north', after, (from, to) => fork.log.consistency(from, to));
  t.equal(again.of('north')?.root, shown.head.root, 'what a dropped key has signed makes place for a key of now');
});

t.test('what a box saw while nobody could be asked is proven when somebody can', async (t) => {
  const log = await ownLog(t);
  const jwk = await publicJwkOf(log.key);
  const { forks, open } = await boxKeeping(t, () => [jwk]);
  await log.decide('one');
  const first = await log.head();
  const fork = await ownLog(t, log.key);
  for (const reason of ['hidden', 'two', 'three']) await fork.decide(reason);
  const offline = () => Promise.reject(new Refusal('est-unreachable'));
  const held = await open();
  await held.take('north', first.jws, offline);
  for (let index = 0; index < 12; index += 1) {
    await fork.decide(`more ${index}`);
    await held.take('north', (await fork.head()).jws, offline);
  }
  t.same(forks, []);
  const again = await open();
  await again.settle('north', async (from, to) =>
    (await log.head()).head.size >= to ? log.log.consistency(from, to) : null,
  );
  t.equal(forks.length, 8, 'so many are kept, over a restart, and each is told');
  await again.settle('north', offline);
  t.equal(forks.length, 8, 'nothing waits any more');
});

t.test('who was suspended is stopped before the register is proven', async (t) => {
  const { admit, suspend, keys, ca, url } = await decidingTerritory(t);
  await admit('wattle');
  const ring = await keys();
  const store = await openBoxStore(await ownFolder(t));
  t.teardown(() => store.close());
  const reach = { est: url, trust: { anchors: [new X509Certificate(ca)] } };
  let ask = () => {};
  let prove = () => {};
  const asked = new Promise<void>((resolve) => {
    ask = resolve;
  });
  const proven = new Promise<void>((resolve) => {
    prove = resolve;
  });
  let calls = 0;
  const members = await createMembers({
    store,
    clock: { ...systemClock, trusted: () => true, moment: () => Date.now() },
    keys: () => ring,
    own: () => 'kowhai',
    // Asked for the lists, for the lists again, and for the proof, which takes its time.
    async reach() {
      calls += 1;
      if (calls === 3) {
        ask();
        await proven;
      }
      return reach;
    },
    onRefused: (refusal) => t.fail(String(refusal)),
    onFork: async () => {},
  });
  await members.refresh();
  await suspend('wattle');
  const told: string[] = [];
  members.onChange((territory) => told.push(territory));
  const refreshing = members.refresh();
  await asked;
  t.same(told, ['kowhai']);
  prove();
  await refreshing;
});

t.test('a box takes the head with the lists of its real provider, and has growth proven', async (t) => {
  const provider = await decidingTerritory(t);
  const { admit, suspend, get, ca, url } = provider;
  await admit('wattle');
  const keys = await provider.keys();
  const store = await openBoxStore(await ownFolder(t));
  t.teardown(() => store.close());
  const told: Fork[] = [];
  const refusals: Refusal[] = [];
  const members = await createMembers({
    store,
    clock: { ...systemClock, trusted: () => true, moment: () => Date.now() },
    keys: () => keys,
    own: () => 'kowhai',
    reach: async () => ({ est: url, trust: { anchors: [new X509Certificate(ca)] } }),
    onRefused: (refusal) => void refusals.push(refusal),
    onFork: async (fork) => void told.push(fork),
  });
  await members.refresh();
  await suspend('wattle');
  await admit('banksia');
  await members.refresh();
  t.same([told, refusals], [[], []], 'it continues');
  const kept = await store.db
    .sublevel<string, { head: { size: number } }>('member-register', { valueEncoding: 'json' })
    .get('held!kowhai');
  t.equal(kept?.head.size, 3, 'the head that came with the lists');
  t.type((await get('/v1/members/status', StatusLists)).register, 'string');
});
