/** A member is heard before a panel decides: by the commands of office, officers and member; and what is refused. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { publicJwkOf } from '#common/jws.js';
import { auditRegister } from '#common/members/audit.js';
import { signCaseStatement, verifyCaseDocument } from '#common/members/case-document.js';
import { makeEntry } from '#common/members/ledger.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { CaseView, casesPath, MemberCase, MemberCases } from '#contract/cases.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { parseJson } from '#contract/parse.js';
import type { ProblemCode } from '#contract/problems.js';
import { begin, type CasesDesk, openCasesDesk } from '../support/cases-desk.js';
import { admitted, ask, call, refusal } from '../support/catalogue.js';
import { decidingTerritory } from '../support/deciding.js';
import { answered, day } from '../support/est.js';
import { ownFolder } from '../support/folder.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });
const why = ['--reason', 'a complaint that was upheld', '--decided-by', 'the standing panel'];
const review = ['--review', 'webizen case review, within 30 days'];

t.test('from a complaint to an expulsion, which is overturned on review: each by its own command', async (t) => {
  const it = await decidingTerritory(t);
  const { done, cases, provider, words, at } = it;
  const folder = at('wattle');
  const own = (...args: string[]) => it.command('webizen', [...args, '--member', folder]);
  const about = ['--name', 'Wattle', '--class', 'var', '--out', folder];
  await done(it.command('webizen', ['member', 'request', ...about]));
  const papers = ['--level', '1', '--charter', '1.0', '--vetted', 'papers', '--by', 'the register office'];
  await done(provider('admit', path.join(folder, 'request.jws'), '--id', 'wattle', ...papers));
  const place = ['--catalogue', it.url.origin, '--ca', it.root];
  await done(own('member', 'accept', '--id', 'wattle', ...place));
  await it.panels();

  const id = await it.opened('wattle');
  t.match(await done(cases('list')), new RegExp(`${id} +wattle +complaint .* open +notice +office`));
  const early = await it.drawn('early', 'expel', '--member', 'wattle', '--case', id, ...why, ...review);
  const both = await it.signed(early, 'chair', 'clerk');
  t.match(await provider('resolve', early, ...both), { status: 1, stderr: /case-early.*notice was not given/ });

  const notice = at('notice.jws');
  t.match(await cases('notice', id, await words('You.'), '--days', '6'), { status: 2, stderr: /from 7 to 90/ });
  await done(cases('notice', id, await words('You are said to sell what you keep.'), '--days', '10', '--out', notice));
  const document = await verifyCaseDocument((await readFile(notice, 'utf8')).trim(), await it.memberKeys());
  t.match(document, { ok: true, document: { case: id, member: 'wattle', kind: 'notice', answerBy: Number } });
  t.match(await cases('notice', id, await words('Sooner.'), '--days', '7'), { stderr: /case-time/ }, 'never less time');

  const urgent = ['--interim-days', '20', '--reason', 'harm', '--decided-by', 'the duty officer', '--case', id];
  await done(provider('suspend', 'wattle', ...urgent));
  t.match(await own('agreement', 'list'), { status: 1, stderr: /member-suspended/ });
  t.notMatch(await done(cases('show', id)), /notice read/);
  t.match(await done(own('case', 'list')), new RegExp(`${id} .* noticed +answer +member`), 'its case it can read');
  t.match(await done(own('case', 'show', id)), /-- notice[\s\S]*You are said to sell what you keep\./);
  t.match(await done(cases('show', id)), /notice read +20/, 'the office knows that it has it');
  t.notMatch(await done(own('case', 'show', id, '--json')), /It sold what it kept/, 'and not who complained, or how');
  t.match(
    await done(own('case', 'answer', id, await words('We did not.'))),
    /entry \d+ of the register[\s\S]*due: answer/,
  );
  t.match(await own('case', 'review', id, await words('Look again.')), { status: 1, stderr: /case-step/ });
  t.match(await provider('resolve', early, ...both), { stderr: /case-early.*can answer until/ });

  it.later(10.1);
  t.match(
    await provider('resolve', early, ...both),
    { stderr: /case-early.*drawn up before/ },
    'decided before it heard',
  );
  const unheard = await it.drawn('unheard', 'expel', '--member', 'wattle', '--case', id, ...why, ...review);
  t.match(await provider('resolve', unheard, ...(await it.signed(unheard, 'chair', 'clerk'))), {
    stderr: /no hearing/,
  });
  await done(cases('hearing', id, await words('Present: two directors.')));
  t.match(await done(cases('show', id)), /due +decision, by the standing panel/);

  const expulsion = await it.drawn('expulsion', 'expel', '--member', 'wattle', '--case', id, ...why, ...review);
  const one = await it.signed(expulsion, 'chair');
  t.match(await provider('resolve', expulsion, ...one, ...one), { stderr: /resolution-signatures.*1 of 2/ });
  const two = [...one, ...(await it.signed(expulsion, 'clerk'))];
  await done(provider('resolve', expulsion, ...two));
  t.equal(await it.standing('wattle'), 'expelled');
  t.match(await provider('resolve', expulsion, ...two), { stderr: /resolution-used/ });
  const again = await it.drawn('again', 'suspend', '--member', 'wattle', '--case', id, ...why);
  t.match(await provider('resolve', again, ...(await it.signed(again, 'chair', 'clerk'))), { status: 1 }, 'once');
  t.match(await cases('close', id, '--reason', 'done', '--by', 'us'), { stderr: /case-early.*ask for review/ });

  t.match(await done(own('case', 'review', id, await words('Our books were not read.'))), /due: review/);
  const reinstate = ['reinstate', '--member', 'wattle', '--case', id, ...why];
  const themselves = await it.drawn('themselves', ...reinstate);
  t.match(await provider('resolve', themselves, ...(await it.signed(themselves, 'chair', 'clerk'))), {
    stderr: /case-step.*panel that reviews/,
  });
  const overturned = await it.drawn('overturned', ...reinstate, '--panel', 'review');
  await done(provider('resolve', overturned, ...(await it.signed(overturned, 'judge', 'elder'))));
  t.equal(await it.standing('wattle'), 'good');
  await done(cases('close', id, '--reason', 'it was reviewed', '--by', 'the register office'));
  t.match(await done(cases('list', '--member', 'wattle')), / closed +- +- +-/);

  const audited = await it.audit();
  t.equal(audited.status, 0, audited.stderr);
  for (const type of ['opened', 'noticed', 'answered', 'heard', 'review-asked', 'closed'])
    t.match(audited.stdout, new RegExp(`case\\.${type} +wattle`));
  const public_ = JSON.stringify(await it.ledger());
  for (const said of ['sold', 'sell', 'did not', 'directors', 'books']) t.notMatch(public_, new RegExp(said));

  t.test('a register that leaves out a step, or has it elsewhere, is found out', async (t) => {
    const entries = await it.ledger();
    const key = newPrivateKey();
    const remade = async (chosen: readonly LedgerEntry[]) => {
      const made: LedgerEntry[] = [];
      const ledger = '0'.repeat(32);
      for (const { at, type, facts } of chosen)
        made.push(await makeEntry({ after: made.at(-1) ?? { ledger }, at, type, facts, key }));
      const believed = [await publicJwkOf(key)];
      const register = {
        format: 'webizen-member-ledger-1' as const,
        territory: 'kowhai',
        keys: believed,
        entries: made,
      };
      const head = { territory: 'kowhai', size: made.length, root: '', at: 0 };
      return auditRegister({ register, head, believed });
    };
    t.match(await remade(entries), { fault: 'head' }, 'nothing else is wrong with all of them');
    const needed = ['case.opened', 'case.noticed', 'case.heard', 'case.review-asked'];
    for (const type of needed)
      t.match(await remade(entries.filter((entry) => entry.type !== type)), { fault: 'case' }, type);
    const last = entries.findIndex(({ type }) => type === 'member.expelled');
    const swapped = [...entries.slice(0, last - 1), entries[last]!, entries[last - 1]!, ...entries.slice(last + 1)];
    t.match(await remade(swapped), { fault: 'case', why: /no hearing/ });
    const soon = entries.map((entry) =>
      entry.type === 'case.noticed' ? { ...entry, facts: { ...entry.facts, answerBy: entry.at + day } } : entry,
    );
    t.match(await remade(soon), { fault: 'case', why: /case-time/ });
    const bare = entries
      .filter(({ type, facts }) => facts.case === undefined || type === 'member.expelled')
      .map(({ facts: { case: _, ...facts }, ...entry }) => ({ ...entry, facts }));
    t.match(await remade(bare), { ok: false }, 'nor can it say that there was no case');
  });
});

/** Two members, panels, and a case about the first in which it can answer for two weeks. */
async function noticedCase(t: Test): Promise<{ desk: CasesDesk; id: string; facts: Record<string, string> }> {
  const desk = await openCasesDesk(await ownFolder(t));
  t.teardown(() => desk.close());
  for (const member of ['wattle', 'banksia']) await desk.admit(member);
  await desk.setPanels();
  const opened = { member: 'wattle', kind: 'complaint' as const, by: 'the office', text: 'It sells.' };
  const { case: it } = await desk.cases.open(opened);
  await desk.cases.notice(it.id, { days: 14, text: 'You are said to sell.' });
  const facts = { member: 'wattle', case: it.id, review: 'there', reviewDays: '14' };
  return { desk, id: it.id, facts };
}

t.test(
  'no decision is taken for another member, in another case, by the wrong panel or ahead of its time',
  async (t) => {
    const { desk, id, facts } = await noticedCase(t);
    const { cases, members, resolve } = desk;
    const other = await cases.open({ member: 'banksia', kind: 'finding', by: 'the office', text: 'Nothing.' });
    desk.setTime(begin + 15 * day);
    await cases.hear(id, 'They were heard.');
    const entries = async () => (await members.ledger()).entries.length;
    const before = await entries();
    const expel = { act: 'member.expelled' as const, facts };
    for (const [wish, code] of [
      [{ ...expel, facts: { ...facts, member: 'banksia' } }, 'case-other'],
      [{ ...expel, facts: { ...facts, case: other.case.id } }, 'case-other'],
      [{ ...expel, facts: { ...facts, case: 'case-000000000000' } }, 'case-unknown'],
      [{ ...expel, facts: { ...facts, case: 'case' } }, 'resolution-malformed'],
      [{ ...expel, facts: { ...facts, member: 'banksia', case: other.case.id } }, 'case-early'],
      [{ ...expel, at: begin + 13 * day }, 'case-early'],
      [{ ...expel, at: begin + 17 * day }, 'case-early'],
      [{ ...expel, panel: 'review' as const }, 'case-step'],
      [{ ...expel, facts: { ...facts, reviewDays: '13' } }, 'case-time'],
      [{ ...expel, facts: { member: 'wattle', case: id, review: 'there' } }, 'case-time'],
      [{ act: 'case.upheld' as const, panel: 'review' as const, facts: { member: 'wattle', case: id } }, 'case-step'],
      [{ act: 'case.dismissed' as const, facts: { member: 'wattle' } }, 'resolution-malformed'],
    ] as const)
      await t.rejects(resolve('9', wish), refuses(code), `${code}: ${JSON.stringify(wish)}`);
    await t.rejects(members.expel('wattle', { reason: 'x', decidedBy: 'us', review: 'there', case: id }), {
      code: 'panel-decides',
    });
    t.equal(await entries(), before, 'nothing of it is in the register');
    t.equal(members.show('wattle').standing, 'good');

    await resolve('1', { act: 'case.condition', facts: { ...facts, condition: 'an audit each year' } });
    t.match(cases.show(id), { case: { state: 'decided', decision: { outcome: 'condition' } } });
    const asked = () => cases.receive(id, 'review', 'Look again.');
    desk.setTime(begin + 40 * day);
    await t.rejects(asked(), refuses('case-late'), 'the time to ask for review is over');
    await cases.close(id, { reason: 'nothing more', by: 'the office' });
    await t.rejects(cases.hear(id, 'More.'), refuses('case-step'));
    await t.rejects(cases.close(id, { reason: 'again', by: 'the office' }), refuses('case-step'));
  },
);

t.test('what was done for a time ends with the case, and what a court annulled is undone', async (t) => {
  const { desk, id, facts } = await noticedCase(t);
  const { cases, members, resolve } = desk;
  const urgent = { reason: 'harm', decidedBy: 'the duty officer' };
  await t.rejects(members.suspendUntil('wattle', 20, urgent), refuses('case-needed'));
  await t.rejects(members.suspendUntil('banksia', 20, { ...urgent, case: id }), refuses('case-other'));
  await members.suspendUntil('wattle', 20, { ...urgent, case: id });
  desk.setTime(begin + 15 * day);
  await resolve('1', { act: 'case.dismissed', facts: { member: 'wattle', case: id } });
  t.match(members.show('wattle'), { standing: 'good', interimUntil: undefined });
  t.match(cases.show(id).due, [{ what: 'close', by: 'office' }], 'there is nothing to review');

  const second = (await cases.open({ member: 'wattle', kind: 'finding', by: 'the office', text: 'Again.' })).case.id;
  await cases.notice(second, { days: 7, text: 'Again.' });
  desk.setTime(begin + 23 * day);
  await resolve('2', { act: 'member.suspended', facts: { ...facts, case: second } });
  desk.setTime(begin + 30 * day);
  await cases.receive(second, 'review', 'Look again.');
  await t.rejects(
    resolve('3', { act: 'case.overturned', panel: 'review', facts: { member: 'wattle', case: second } }),
    { code: 'case-step', detail: /reinstate it/ },
  );
  await resolve('4', { act: 'case.upheld', panel: 'review', facts: { member: 'wattle', case: second } });
  t.equal(members.show('wattle').standing, 'suspended');
  const reinstate = { act: 'member.reinstated' as const, facts: { member: 'wattle', case: second } };
  await t.rejects(resolve('5', reinstate), refuses('case-step'), 'it was upheld');
  await cases.court(second, { court: 'the district court', outcome: 'annulled', text: 'The judgment.' });
  t.match(cases.show(second).due, [{ what: 'reinstatement', by: 'standing panel' }, { what: 'close' }]);
  await resolve('6', reinstate);
  t.equal(members.show('wattle').standing, 'good');
  await t.rejects(resolve('7', reinstate), refuses('member-standing'));
});

t.test('a member answers its own case with its own key, whatever its standing, and nobody else does', async (t) => {
  const it = await decidingTerritory(t);
  const [wattle, banksia] = [await admitted(it, 'wattle'), await admitted(it, 'banksia')];
  const id = await it.opened('wattle');
  const origin = { url: it.url, ca: it.ca };
  const one = `${casesPath}/${id}`;
  refusal(t, await call(origin, { place: casesPath }), 401, 'credential-missing');
  refusal(t, await ask(banksia, { place: one }), 404, 'case-unknown');
  t.same(answered(parseJson(MemberCases, (await ask(banksia, { place: casesPath })).body)).cases, []);
  await it.done(it.cases('notice', id, await it.words('You are said to sell.')));

  const statement = (change: object = {}, key = wattle.key) =>
    signCaseStatement({
      key,
      statement: {
        ...{ territory: 'kowhai', case: id, member: 'wattle', kind: 'answer', at: Date.now(), text: 'No.', ...change },
      },
    });
  const post = async (jws: string, who = wattle) =>
    ask(who, {
      ...{ method: 'POST', place: `${one}/statements`, body: JSON.stringify({ statement: jws }) },
      headers: { 'content-type': 'application/json' },
    });
  refusal(t, await post(await statement({ member: 'banksia' }, banksia.key), banksia), 404, 'case-unknown');
  for (const wrong of [
    await statement({}, banksia.key),
    await statement({ case: 'case-000000000000' }),
    await statement({ territory: 'rata' }),
    await statement({ member: 'banksia' }),
    await statement({ text: '' }),
    await statement({ more: 1 }),
    'a.b.c',
  ])
    refusal(t, await post(wrong), 400, 'case-statement');
  refusal(t, await post(await statement({ kind: 'review' })), 409, 'case-step');
  refusal(t, await post('x'.repeat(300_000)), 413, 'body-too-large');
  refusal(t, await call(origin, { place: `${one}/statements`, method: 'POST', body: '{}' }), 401, 'credential-missing');

  const signed = await statement();
  const first = answered(parseJson(CaseView, (await post(signed)).body));
  t.same(answered(parseJson(CaseView, (await post(signed)).body)).steps, first.steps, 'sent again, it is taken once');
  for (let count = 1; count < 20; count += 1) t.equal((await post(await statement())).status, 200);
  refusal(t, await post(await statement()), 409, 'case-full');

  it.later(400);
  const late = await ask(wattle, { place: one }, { at: it.clock.now() });
  const found = answered(parseJson(MemberCase, late.body));
  t.same(
    [found.documents.length, found.documents[0]?.kind, found.documents[20]?.jws.length],
    [21, 'notice', found.documents[20]?.jws.length],
    'also when its credential has run out',
  );
  refusal(t, await ask(wattle, { place: '/v1/agreements' }, { at: it.clock.now() }), 401, 'credential-expired');
});
