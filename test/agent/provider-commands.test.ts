/** What the provider asks of a box: followed when it is the territory's word, once, and as the owner has agreed. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { longestCommandSeconds, mostLiveSeconds } from '#contract/commands.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { type ProviderSettings, usualRules } from '#contract/owner-commands.js';
import { Refusal } from '#contract/problems.js';
import type { Reported } from '#contract/status.js';
import { judge } from '../../agent/commands/judge.js';
import { reportedAs } from '../../agent/commands/reporting.js';
import { box, type CommandBox, commandBox, commandBy, makeKey, territory } from '../support/command-box.js';
import { ownFolder } from '../support/folder.js';

const hour = 3_600_000;

async function bench(t: Test, wish: Partial<Parameters<typeof commandBox>[0]> = {}): Promise<CommandBox> {
  const made = await commandBox({ folder: await ownFolder(t), ...wish });
  t.teardown(() => made.close());
  if (made.ledger.ownerKeys().length === 0) await made.ledger.appendKey(made.ownerKey, 'owner.set', made.signer);
  await made.room.start();
  made.connect();
  return made;
}

/** The box stops, and is started over what it has on its disk. */
async function again(t: Test, before: CommandBox, folder: string, boot?: string): Promise<CommandBox> {
  await before.close();
  const { clock, keys } = before;
  return bench(t, { folder, clock, keys, ...(boot === undefined ? {} : { boot }) });
}

const names = ({ effects }: CommandBox) => effects.map(({ name }) => name);
const codes = ({ refusals }: CommandBox) => refusals.map(({ code }) => code);

t.test('a command of the territory is done, answered and written into the ledger', async (t) => {
  const made = await bench(t);
  const asked = made.command('refresh');
  await made.hear(asked);
  t.match(await made.answer(asked.id), { command: asked.id, outcome: 'done', text: /sent/ });
  t.same(names(made), ['refresh']);
  const exported = await made.ledger.export();
  t.match(verifyLedger(exported), { ok: true });
  t.match(
    exported.entries.slice(1).map(({ by, type, facts }) => ({ by, type, facts })),
    [
      { by: 'provider', type: 'command', facts: { command: asked.id, kind: 'refresh', asked: 'Ana', territory } },
      { by: 'box', type: 'command-result', facts: { command: asked.id, outcome: 'done' } },
    ],
  );
  t.match(made.room.owner.asked(), [{ command: { id: asked.id, kind: 'refresh' }, waits: null }]);
});

t.test('a broker that was broken into commands nothing', async (t) => {
  const made = await bench(t);
  const stranger = await makeKey();
  const good = made.command('refresh');
  const jws = await commandBy(made.keys[0]!, good);
  const text = jws.toString();
  const [header = '', payload = '', signature = ''] = text.split('.');
  const other = Buffer.from(JSON.stringify({ ...good, kind: 'reboot' })).toString('base64url');
  const forgeries: [why: string, id: string, bytes: Buffer, code: string][] = [
    ['by a key of its own', good.id, await commandBy(stranger, good), 'command-foreign'],
    [
      'another payload under a good signature',
      good.id,
      Buffer.from(`${header}.${other}.${signature}`),
      'command-forged',
    ],
    ['the signature of another', good.id, Buffer.from(`${header}.${payload}.${'A'.repeat(86)}`), 'command-forged'],
    ['without an algorithm', good.id, Buffer.from(`eyJhbGciOiJub25lIn0.${payload}.`), 'command-malformed'],
    [
      'to another box',
      good.id,
      await commandBy(made.keys[0]!, { ...good, box: 'box-000000000002' }),
      'command-foreign',
    ],
    [
      'of another territory',
      good.id,
      await commandBy(made.keys[0]!, { ...good, territory: 'south' }),
      'command-foreign',
    ],
    ['under another id', '0'.repeat(16), jws, 'command-malformed'],
    ['nothing at all', good.id, Buffer.alloc(0), 'command-malformed'],
    ['far too large', good.id, Buffer.alloc(1024 * 1024, 65), 'command-malformed'],
  ];
  for (const [why, id, bytes, code] of forgeries) {
    made.refusals.length = 0;
    made.room.heard(id, bytes);
    await made.room.idle();
    t.same(codes(made), [code], why);
  }
  t.same(names(made), [], 'nothing was done');
  t.same(made.results, [], 'and nothing answered');
  const entries = await made.entries();
  t.match(entries.at(-1), { by: 'stranger', type: 'command-refused', facts: { count: forgeries.length } });
  t.equal(entries.length, 2, 'a flood is one line of the ledger');
  const writes = made.state.commits;
  for (let flood = 0; flood < 500; flood += 1) {
    made.room.heard(good.id, Buffer.from(`${flood}`));
    if (flood % 50 === 0) await made.room.idle();
  }
  await made.room.idle();
  t.ok(made.state.commits - writes < 30, 'and costs the card next to nothing');

  await made.hear(good);
  t.match(await made.answer(good.id), { outcome: 'done' }, 'the true one still counts');
});

t.test(
  'what was taken once is answered again and not done again, whatever the clock says and who repeats it',
  async (t) => {
    const folder = await ownFolder(t);
    let made = await bench(t, { folder });
    const first = made.command('refresh');
    const second = made.command('refresh');
    await made.hear(second);
    await made.answer(second.id);
    await made.hear(first);
    t.same(codes(made), ['command-replayed'], 'a sequence below one that was taken is spent');
    await made.hear(second);
    await made.hear(second);
    t.same(names(made), ['refresh']);
    const answers = made.answersOf(second.id);
    t.equal(answers.length, 3, 'the same again is answered the same again');
    t.same(new Set(answers.map((one) => JSON.stringify(one))).size, 1);
    await made.hear({ ...second, kind: 'reboot' });
    t.equal(codes(made).at(-1), 'command-replayed', 'another one of the same id and sequence is none');

    made = await again(t, made, folder, 'second');
    await made.hear({ ...first, id: 'f'.repeat(16) });
    made.clock.advance(-30 * 24 * hour);
    await made.hear({ ...first, id: 'e'.repeat(16), issuedAt: made.clock.now(), expiresAt: made.clock.now() + hour });
    t.same(
      codes(made),
      ['command-replayed', 'command-replayed'],
      'after a restart, and with a clock that was set back',
    );
    t.same(names(made), []);
  },
);

t.test('commands that the box has forgotten the answers of stay spent', async (t) => {
  const made = await bench(t);
  const first = made.command('refresh');
  for (let count = 0; count < 130; count += 1) {
    const one = count === 0 ? first : made.command('refresh');
    await made.hear(one);
    await made.answer(one.id);
    made.clock.advance(hour / 30);
  }
  t.equal(made.effects.length, 130);
  t.ok(made.room.owner.asked().length <= 50);
  await made.hear({ ...first, expiresAt: made.clock.now() + hour });
  t.equal(made.effects.length, 130);
  t.equal(codes(made).at(-1), 'command-replayed');
});

t.test(
  'a command that is too late is answered as expired, and one of a box without the time waits for better days',
  async (t) => {
    const made = await bench(t);
    const late = made.command('rotate-key', {
      issuedAt: made.clock.now() - 2 * hour,
      expiresAt: made.clock.now() - hour,
    });
    await made.hear(late);
    t.match(await made.answer(late.id), { outcome: 'expired', code: 'command-expired' });
    const endless = made.command('rotate-key', { expiresAt: made.clock.now() + longestCommandSeconds * 1000 + 1 });
    await made.hear(endless);
    t.match(await made.answer(endless.id), { outcome: 'refused', code: 'command-malformed' });
    made.state.trusted = false;
    const unsure = made.command('rotate-key');
    await made.hear(unsure);
    t.match(await made.answer(unsure.id), { outcome: 'refused', code: 'command-time-unknown' });
    const harmless = made.command('refresh');
    await made.hear(harmless);
    t.match(
      await made.answer(harmless.id),
      { outcome: 'done' },
      'what tells no more than is told anyway needs no time',
    );
    t.same(names(made), ['refresh']);
  },
);

t.test('keys are asked of the provider: a new one counts, one that was taken back does not', async (t) => {
  const made = await bench(t);
  const next = await makeKey();
  made.profile.next = [next.jwk, ...made.profile.keys];
  const byNext = made.command('refresh');
  await made.hear(byNext, next);
  t.match(await made.answer(byNext.id), { outcome: 'done' });
  t.equal(made.state.fetched, 1, 'asked once');

  made.clock.advance(hour);
  made.profile.next = [next.jwk];
  const stolen = made.command('refresh');
  await made.hear(stolen);
  t.same(codes(made), ['command-foreign'], 'although the last profile still named it');
  t.equal(made.effects.length, 1);

  const before = made.state.fetched;
  for (let flood = 0; flood < 20; flood += 1) await made.hear(made.command('refresh'), await makeKey());
  t.ok(made.state.fetched <= before + 4, 'strangers do not make the box ask again and again');
});

t.test('a territory that was left commands nothing, and what waited of it ends', async (t) => {
  const made = await bench(t);
  const waits = made.command('diagnostics');
  await made.hear(waits);
  const [south] = [await makeKey()];
  Object.assign(made.profile, { territory: 'south', box: 'box-000000000009', keys: [south.jwk], next: [south.jwk] });
  made.room.look();
  await made.until(() => made.room.owner.asked()[0]?.waits === null);
  t.match(made.room.owner.asked()[0]?.answer, { outcome: 'refused', code: 'command-foreign' });
  await made.hear(made.command('refresh'));
  t.equal(codes(made).at(-1), 'command-foreign');
  t.same(names(made), []);
  made.state.isOwned = false;
  await made.hear(made.command('refresh', { territory: 'south' }), south);
  t.same(names(made), [], 'and a box of nobody follows nobody');
});

t.test('what the owner wants to be asked about waits for a yes, and a no is a no', async (t) => {
  const made = await bench(t);
  const yes = made.command('diagnostics');
  await made.hear(yes);
  await made.until(() => made.answersOf(yes.id).length === 1);
  t.match(made.answersOf(yes.id), [{ outcome: 'waits-for-owner' }]);
  t.match(made.room.owner.asked(), [{ waits: 'owner' }]);
  await made.room.owner.allow(yes.id, made.signer);
  t.match(await made.answer(yes.id), { outcome: 'done', data: { bytes: 100 } });
  const no = made.command('reboot');
  await made.hear(no);
  await made.room.owner.decline(no.id, made.signer);
  t.match(await made.answer(no.id), { outcome: 'refused', code: 'command-declined' });
  await t.rejects(made.room.owner.allow(no.id, made.signer), { code: 'command-answered' });
  await t.rejects(made.room.owner.allow('0'.repeat(16), made.signer), { code: 'command-unknown' });
  t.same(names(made), ['diagnostics']);
  const late = made.command('diagnostics', { expiresAt: made.clock.now() + hour });
  await made.hear(late);
  await made.clock.pass(hour + 1000);
  t.match(await made.answer(late.id), { outcome: 'expired' }, 'nobody answered in time');

  await made.room.owner.rule('diagnostics', 'allow', made.signer);
  await made.room.owner.rule('rotate-key', 'ask', made.signer);
  const free = made.command('diagnostics');
  await made.hear(free);
  t.match(await made.answer(free.id), { outcome: 'done' });
  const held = made.command('rotate-key');
  await made.hear(held);
  t.match(made.room.owner.asked()[0], { command: { id: held.id }, waits: 'owner' });
  const signed = (await made.entries()).filter(({ signature }) => signature !== undefined).map(({ type }) => type);
  t.same(signed, ['owner.set', 'command-allowed', 'command-declined', 'command-rule', 'command-rule']);
  t.match(verifyLedger(await made.ledger.export()), { ok: true });
});

t.test('a restart waits for what apps hold; the owner may say that it does not', async (t) => {
  const made = await bench(t);
  await made.room.owner.rule('reboot', 'allow', made.signer);
  const { lease } = await made.holds.leases.take('example.visits', {
    hold: 'reboot',
    reason: 'A recording',
    seconds: 1000,
  });
  const first = made.command('reboot');
  await made.hear(first);
  await made.until(() => made.answersOf(first.id).length === 1);
  t.match(made.answersOf(first.id), [{ outcome: 'waits-for-owner', code: 'command-held', text: /example\.visits/ }]);
  t.same(names(made), []);
  await made.holds.leases.release('example.visits', lease.id);
  await made.until(() => made.effects.length === 1);
  t.same(names(made), ['reboot']);
  await made.clock.pass(hour);
  t.match(
    await made.answer(first.id),
    { outcome: 'failed', text: /nothing was restarted/ },
    'a machine that does not obey',
  );

  await made.holds.leases.take('example.visits', { hold: 'reboot', reason: 'A recording', seconds: 1000 });
  const second = made.command('restart-agent');
  await made.hear(second);
  await made.until(() => made.answersOf(second.id).length === 1);
  await made.room.owner.allow(second.id, made.signer);
  await made.until(() => made.effects.length === 2);
  t.same(names(made), ['reboot', 'restart-agent']);
});

t.test('a restart is answered after it, and is never done twice', async (t) => {
  for (const [kind, boot, outcome] of [
    ['reboot', 'second', 'done'],
    ['reboot', 'first', 'failed'],
    ['restart-agent', 'first', 'done'],
  ] as const) {
    const folder = await ownFolder(t);
    let made = await bench(t, { folder });
    await made.room.owner.rule('reboot', 'allow', made.signer);
    const asked = made.command(kind);
    await made.hear(asked);
    await made.until(() => made.effects.length === 1);
    made = await again(t, made, folder, boot);
    t.match(await made.answer(asked.id), { outcome }, `${kind} into ${boot} boot`);
    await made.hear(asked);
    t.same(names(made), [], 'not done again');
    t.ok(await made.holds.leases.take('example.visits', { hold: 'reboot', reason: 'Again', seconds: 10 }));
  }
});

t.test('answers that the provider has not taken are given with the next session', async (t) => {
  const folder = await ownFolder(t);
  let made = await bench(t, { folder });
  made.disconnect();
  const asked = made.command('refresh');
  await made.hear(asked);
  await made.until(() => made.room.owner.asked()[0]?.answer !== null);
  t.same(made.results, []);
  made = await again(t, made, folder);
  t.match(await made.answer(asked.id), { outcome: 'done' });
  t.same(names(made), []);
});

t.test('an effect that fails is told with its code', async (t) => {
  const made = await bench(t);
  await made.room.owner.rule('reboot', 'allow', made.signer);
  made.failing.set('reboot', new Refusal('host-cannot-reboot', 'not here'));
  const asked = made.command('reboot');
  await made.hear(asked);
  t.match(await made.answer(asked.id), { outcome: 'failed', code: 'host-cannot-reboot', text: /not here/ });
  for (const [kind, code] of [
    ['update', 'command-unsupported'],
    ['set-intervals', 'command-unsupported'],
    ['dance', 'command-unsupported'],
    ['live', 'command-parameters'],
  ] as const) {
    const other = made.command(kind, { parameters: { seconds: 0 } });
    await made.hear(other);
    t.match(await made.answer(other.id), { outcome: 'refused', code }, kind);
  }
});

t.test('more commands than a box takes in an hour are refused', async (t) => {
  const made = await bench(t);
  const all = Array.from({ length: 61 }, () => made.command('refresh'));
  for (const one of all) await made.hear(one);
  t.match(await made.answer(all[60]!.id), { outcome: 'refused', code: 'command-rate' });
  t.equal(made.effects.length, 60);
  made.clock.advance(hour + 1);
  const later = made.command('refresh');
  await made.hear(later);
  t.match(await made.answer(later.id), { outcome: 'done' });
});

t.test('a live view sends a sample each second and ends by itself', async (t) => {
  const made = await bench(t);
  const asked = made.command('live', { parameters: { seconds: 3 } });
  await made.hear(asked);
  t.match(await made.answer(asked.id), { outcome: 'done', data: { until: made.clock.now() + 3000 } });
  t.equal(made.room.owner.liveUntil(), made.clock.now() + 3000);
  for (let second = 0; second < 6; second += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await made.clock.pass(1000);
  }
  t.equal(made.live.length, 3);
  t.match(made.live[0], { command: asked.id });
  t.equal(made.room.owner.liveUntil(), null);
  const long = made.command('live', { parameters: { seconds: mostLiveSeconds + 1 } });
  await made.hear(long);
  t.match(await made.answer(long.id), { outcome: 'refused', code: 'command-parameters' });
});

t.test('intervals are kept to from the newest word on, until the territory is left', async (t) => {
  const folder = await ownFolder(t);
  let made = await bench(t, { folder });
  const first = made.desire({ revision: 5 });
  await made.wish(first);
  t.match(await made.answer(first.command), { outcome: 'done' });
  t.same(made.room.intervals(), first.intervals);
  await made.wish(made.desire({ revision: 4, intervals: { sampleSeconds: 3600, batchSeconds: 3600 } }));
  t.equal(codes(made).at(-1), 'command-replayed', 'an old word that the broker kept is an old word');
  await made.wish(made.desire({ revision: 6, box: 'box-000000000002' }));
  await made.wish(made.desire({ revision: 6 }), await makeKey());
  t.same(made.room.intervals(), first.intervals);
  made = await again(t, made, folder);
  t.same(made.room.intervals(), first.intervals);
  await made.wish(first);
  t.same(codes(made), [], 'what is retained comes with each session');
  await made.wish(made.desire({ revision: 6, intervals: { sampleSeconds: 1, batchSeconds: 600 } }));
  t.same(codes(made), ['command-malformed'], 'out of bounds');
  made.profile.territory = 'south';
  t.equal(made.room.intervals(), undefined);
});

t.test('the owner turns reporting down to the minimum, and up again', async (t) => {
  const folder = await ownFolder(t);
  let made = await bench(t, { folder });
  await made.room.owner.report('minimum', made.signer);
  await made.room.owner.report('minimum', made.signer);
  t.same(made.state.reporting, ['minimum']);
  const asked = made.command('live', { parameters: { seconds: 3 } });
  await made.hear(asked);
  t.match(await made.answer(asked.id), { outcome: 'refused', code: 'command-declined' });
  made = await again(t, made, folder);
  t.equal(made.room.owner.settings().reporting, 'minimum', 'also after a restart');
  await made.room.owner.report('full', made.signer);
  t.same(
    (await made.entries()).filter(({ type }) => type === 'reporting').map(({ by, facts }) => [by, facts.level]),
    [
      ['owner', 'minimum'],
      ['owner', 'full'],
    ],
  );
  const whole: Reported = {
    ...{ at: 1, agent: '1', owner: false },
    apps: [{ id: 'a', state: 'running', sandbox: 'podman', restarts: 1 }],
    conditions: [
      { kind: 'hot', severity: 'trouble', since: 1, evidence: '90 °C' },
      { kind: 'warm', severity: 'attention', since: 1, evidence: '70 °C' },
    ],
    leases: [{ app: 'a', hold: 'reboot', reason: 'why', until: 2 }],
  };
  t.same(reportedAs('full', whole), whole);
  t.same(reportedAs('minimum', whole), {
    ...{ at: 1, agent: '1', owner: false, apps: [], reporting: 'minimum' },
    conditions: [{ kind: 'hot', severity: 'trouble', since: 1, evidence: '90 °C' }],
  });
});

t.test('whatever a verified command says, only what is known, in time and agreed begins', async (t) => {
  const settings: ProviderSettings = { rules: usualRules, reporting: 'full' };
  const times = fc.integer({ min: 0, max: 2 ** 45 });
  fc.assert(
    fc.property(
      fc.record({
        kind: fc.oneof(
          fc.constantFrom('refresh', 'live', 'reboot', 'rotate-key', 'diagnostics', 'update'),
          fc.string(),
        ),
        parameters: fc.dictionary(fc.string(), fc.jsonValue()),
        issuedAt: times,
        expiresAt: times,
      }),
      times,
      fc.boolean(),
      (wish, now, trusted) => {
        const command = { territory, box, id: '0'.repeat(16), sequence: 1, by: 'Ana', ...wish };
        const verdict = judge(command, { now, trusted, settings });
        if (verdict.do === 'end') return true;
        const inTime = now < wish.expiresAt && wish.expiresAt > wish.issuedAt;
        const known = ['refresh', 'live', 'reboot', 'rotate-key', 'diagnostics', 'restart-agent'].includes(wish.kind);
        const agreed = verdict.do === 'ask' || !['reboot', 'diagnostics'].includes(wish.kind);
        return inTime && known && agreed && (trusted || wish.kind === 'refresh');
      },
    ),
  );
  t.pass();
});
