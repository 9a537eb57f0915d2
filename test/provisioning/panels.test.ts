/** Decisions about members by panels of officers: m of n signatures, by commands as officers and operator use them. */
import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import t from 'tap';
import { publicJwkOf } from '#common/jws.js';
import { quorumFault, readResolution, signersOf, signResolution, textOf } from '#common/members/resolution.js';
import { keyFromPem, newPrivateKey } from '#common/pki/keys.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { MemberRecord } from '#contract/member-register.js';
import { check } from '#contract/parse.js';
import { type Resolution, resolutionFormat } from '#contract/resolution.js';
import { decidingTerritory, reasons } from '../support/deciding.js';
import { answered, day } from '../support/est.js';

t.test('a member is expelled by two of three officers, and reinstated by those who review it', async (t) => {
  const it = await decidingTerritory(t);
  await it.admit('wattle');
  t.match(await it.done(it.provider('panel')), /there is no panel: the operators decide/);
  await it.panels();
  t.match(await it.done(it.provider('panel')), /review +2 of 2 +the judge[\s\S]*standing +2 of 3 +the warden/);

  t.match(
    await it.provider('expel', 'wattle', ...reasons),
    { status: 1, stderr: /panel-decides/ },
    'not by the operators',
  );
  const bare = await it.drawn('bare', 'expel', '--member', 'wattle', ...reasons);
  t.match(await it.provider('resolve', bare, ...(await it.signed(bare, 'chair', 'clerk'))), { stderr: /case-needed/ });
  const about = ['--case', await it.heard('wattle')];
  const expulsion = await it.drawn('expulsion', 'expel', '--member', 'wattle', ...about, ...reasons);
  t.match(await it.done(it.officer('show', expulsion)), /act +member\.expelled[\s\S]*member +wattle/);
  const one = await it.signed(expulsion, 'chair');
  for (const [few, says] of [
    [[], /resolution-signatures.*0 of 2/],
    [one, /resolution-signatures.*1 of 2/],
    [[...one, ...one], /resolution-signatures.*1 of 2/],
    [[...one, ...(await it.signed(expulsion, 'judge'))], /resolution-signatures.*1 of 2/],
  ] as const)
    t.match(await it.provider('resolve', expulsion, ...few), { status: 1, stderr: says }, `${says}`);
  t.equal(await it.standing('wattle'), 'good');
  const two = [...one, ...(await it.signed(expulsion, 'warden'))];
  t.match(await it.done(it.provider('resolve', expulsion, ...two)), /carried out: member\.expelled/);
  t.equal(await it.standing('wattle'), 'expelled');

  const overturned = await it.drawn('overturned', 'reinstate', '--member', 'wattle', ...reasons, '--panel', 'review');
  t.match(await it.provider('resolve', overturned, ...(await it.signed(overturned, 'chair', 'clerk'))), {
    stderr: /resolution-signatures.*0 of 2/,
  });
  await it.done(it.provider('resolve', overturned, ...(await it.signed(overturned, 'judge', 'elder'))));
  t.equal(await it.standing('wattle'), 'good');
  t.match(await it.provider('resolve', expulsion, ...two), { stderr: /resolution-used/ }, 'a resolution serves once');

  const audited = await it.audit();
  t.match(audited, { status: 0, stdout: /member\.expelled +wattle/ }, 'anybody sees it, with its signatures');
  t.equal(quorumFault(await it.ledger()), undefined);
});

t.test('no resolution that was altered, is old, or says what cannot be is carried out', async (t) => {
  const it = await decidingTerritory(t);
  await it.admit('wattle');
  await it.panels();
  const file = await it.drawn(
    'suspension',
    'suspend',
    '--member',
    'wattle',
    '--case',
    await it.heard('wattle'),
    ...reasons,
  );
  const signatures = await it.signed(file, 'chair', 'clerk');
  const text = (await readFile(file, 'utf8')).trim();
  const tried = async (altered: string, signatures: string[], code: RegExp) => {
    await writeFile(it.at('altered'), altered);
    t.match(await it.provider('resolve', it.at('altered'), ...signatures), { status: 1, stderr: code }, `${code}`);
  };
  await tried(text.replace('suspended', 'expelled'), signatures, /resolution-signatures.*0 of 2/);
  await tried(text.replace('kowhai', 'rata'), signatures, /resolution-foreign/);
  await tried(text.replace('{', '{ '), signatures, /resolution-malformed/);
  await tried('{}', signatures, /resolution-malformed/);

  const resolution = readResolution(text)!;
  const [chair, clerk] = await Promise.all(
    ['chair', 'clerk'].map(async (name) => keyFromPem(await readFile(it.at(`${name}.key`), 'utf8'))),
  );
  const resigned = async (change: Partial<Resolution>): Promise<[string, string[]]> => {
    const other = { ...resolution, ...change };
    const args: string[] = [];
    for (const [index, key] of [chair, clerk].entries()) {
      await writeFile(it.at(`other.${index}`), await signResolution(other, key!));
      args.push('--signature', it.at(`other.${index}`));
    }
    return [textOf(other), args];
  };
  for (const [change, code] of [
    [{ at: resolution.at + 91 * day }, /resolution-stale/],
    [{ facts: { ...resolution.facts, member: 'nobody' } }, /member-unknown/],
    [{ facts: { ...resolution.facts, more: 'of it' } }, /resolution-malformed/],
    [{ act: 'panel.set' as const, facts: { of: 'standing', document: '{"quorum":2,"officers":[]}' } }, /panel-invalid/],
    [{ act: 'member.reinstated' as const }, /member-standing/],
  ] as const)
    await tried(...(await resigned(change)), code);
  t.equal(await it.standing('wattle'), 'good', 'nothing was done');
});

t.test('the operators suspend for some days, until the panel decides', async (t) => {
  const it = await decidingTerritory(t);
  for (const id of ['wattle', 'banksia']) await it.admit(id);
  await it.panels();
  const why = ['--reason', 'boxes were harmed', '--decided-by', 'the duty officer'];
  const about: Record<string, string> = {};
  t.match(await it.provider('suspend', 'wattle', '--interim-days', '10', ...why), { stderr: /case-needed/ });
  for (const id of ['wattle', 'banksia']) {
    about[id] = await it.opened(id);
    const suspended = it.provider('suspend', id, '--interim-days', '10', '--case', about[id] ?? '', ...why);
    t.match(await it.done(suspended), /is suspended until 20/);
  }
  t.match(await it.provider('suspend', 'wattle', '--interim-days', '31', ...why), { status: 2 }, 'not for longer');
  const id = await it.heard('banksia', about.banksia);
  const file = await it.drawn('suspension', 'suspend', '--member', 'banksia', '--case', id, ...reasons);
  await it.done(it.provider('resolve', file, ...(await it.signed(file, 'chair', 'clerk'))));
  const shown = async (member: string) => answered(check(MemberRecord, await it.ask('member.show', { member })));
  t.match(
    [await shown('wattle'), await shown('banksia')],
    [
      { standing: 'suspended', interimUntil: Number },
      { standing: 'suspended', interimUntil: undefined },
    ],
  );
  t.equal(quorumFault(await it.ledger()), undefined, 'which whoever audits takes for right');
});

t.test('a panel is changed by itself alone', async (t) => {
  const it = await decidingTerritory(t);
  await it.panels();
  const other = await it.panelOf(['usurper'], 1);
  t.match(await it.provider('panel', '--set', 'standing', other), { stderr: /panel-decides/ });
  const twice = JSON.parse(await readFile(other, 'utf8'));
  const next = await it.panelOf(['deacon', 'sexton'], 2);
  const file = await it.drawn('next', 'panel', '--of', 'standing', '--document', next);
  await it.done(it.provider('resolve', file, ...(await it.signed(file, 'warden', 'clerk'))));
  const again = await it.drawn('again', 'panel', '--of', 'standing', '--document', other);
  t.match(await it.provider('resolve', again, ...(await it.signed(again, 'warden', 'clerk'))), {
    stderr: /resolution-signatures.*0 of 2/,
  });
  await writeFile(
    it.at('double.json'),
    JSON.stringify({ quorum: 2, officers: [...twice.officers, ...twice.officers] }),
  );
  const double = await it.drawn('double', 'panel', '--of', 'standing', '--document', it.at('double.json'));
  t.match(await it.provider('resolve', double, ...(await it.signed(double, 'deacon', 'sexton'))), {
    stderr: /panel-invalid.*the same key/,
  });
  t.equal(quorumFault(await it.ledger()), undefined);
  t.match(await it.audit(), { status: 0 });
});

t.test('an audit finds a decision that too few signed, that was signed for something else, or twice', async (t) => {
  const keys = [newPrivateKey(), newPrivateKey(), newPrivateKey()];
  const officers = await Promise.all(
    keys.map(async (key, index) => {
      const { x, y } = await publicJwkOf(key);
      return { name: `officer ${index}`, x, y };
    }),
  );
  const entry = (index: number, type: string, facts: LedgerEntry['facts']): LedgerEntry => ({
    ...{ index, ledger: '0'.repeat(32), at: 1, by: 'provider', type, facts, previous: null, hash: '0'.repeat(64) },
  });
  const panel = entry(0, 'panel.set', { of: 'standing', document: JSON.stringify({ quorum: 2, officers }) });
  const facts = { member: 'wattle', reason: 'why', decidedBy: 'us', review: 'there' };
  const resolution: Resolution = {
    ...{ format: resolutionFormat, territory: 'north', id: '1'.repeat(32), panel: 'standing', at: 1, facts },
    act: 'member.expelled',
  };
  const text = textOf(resolution);
  const [first = '', second = '', third = ''] = await Promise.all(keys.map((key) => signResolution(resolution, key)));
  const expelled = (given: LedgerEntry['facts'], type = 'member.expelled') =>
    quorumFault([panel, entry(1, type, { ...facts, from: 'good', ...given })]);
  t.equal(expelled({ resolution: text, signature1: first, signature2: third }), undefined);
  t.match(expelled({}), { index: 1, why: /has none/ });
  t.match(expelled({ interim: true }), { why: /has none/ }, 'only a suspension is for a time');
  t.match(expelled({ resolution: text, signature1: second }), { why: /1 officers signed/ });
  t.match(expelled({ resolution: text, signature1: second, signature2: second }), { why: /1 officers signed/ });
  t.match(expelled({ resolution: text, signature1: first, signature2: second, reason: 'another' }), {
    why: /what was resolved/,
  });
  t.match(expelled({ resolution: text, signature1: first, signature2: second }, 'member.suspended'), {
    why: /what was resolved/,
  });
  const interim = (until?: number) =>
    quorumFault([panel, entry(1, 'member.suspended', { ...facts, interim: true, ...(until && { until }) })]);
  t.equal(interim(1 + 30 * day), undefined);
  t.match(interim(1 + 31 * day), { index: 1, why: /30 days at most/ }, 'operators suspend by themselves for no longer');
  t.match(interim(), { why: /30 days at most/ });
  const whole = { ...facts, resolution: text, signature1: first, signature2: second };
  t.match(quorumFault([panel, entry(1, 'member.expelled', whole), entry(2, 'member.expelled', whole)]), {
    ...{ index: 2, why: /served before/ },
  });
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { maxLength: 4 }), (words, signatures) => {
      return readResolution(words) === undefined && signersOf(text, signatures, { quorum: 1, officers }).length === 0;
    }),
  );
});
