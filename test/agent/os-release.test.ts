/** Releases of the operating system as they are read, and what is to be done about them. */
import fc from 'fast-check';
import t from 'tap';
import { signJws } from '#common/jws.js';
import { verifyOsRelease } from '#common/os/release.js';
import { compareVersions } from '#contract/manifest.js';
import { osReleaseType } from '#contract/os-release.js';
import { isProblemCode, Refusal } from '#contract/problems.js';
import { type OsFacts, type OsPlan, planOs, windowAt } from '../../agent/updates/plan.js';
import { againAfter, isFinal, outcomeOf } from '../../agent/updates/verdict.js';
import { someRelease, testPublisher } from '../support/os-release.js';

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'taken',
    (error: unknown) => {
      if (error instanceof Refusal) return error.code;
      throw error;
    },
  );

t.test('a release is what its publisher signed, whatever year the box believes it is', async (t) => {
  const publisher = await testPublisher();
  const release = someRelease();
  const jws = await publisher.sign(release);
  const real = Date.now;
  t.teardown(() => {
    Date.now = real;
  });
  for (const now of [0, Date.UTC(1970, 0, 1), Date.UTC(2200, 0, 1)]) {
    Date.now = () => now;
    const verified = await verifyOsRelease(jws, publisher.keys);
    t.same(verified.release, release);
    t.match(verified.id, /^[0-9a-f]{64}$/);
  }
});

t.test('what no key of the publisher signed, or signed as something else, is refused with its code', async (t) => {
  const publisher = await testPublisher();
  const stranger = await testPublisher();
  const { keys } = publisher;
  const payload = Buffer.from(JSON.stringify(someRelease()));
  t.equal(await codeOf(verifyOsRelease(await stranger.sign(someRelease()), keys)), 'os-release-foreign');
  // The offline key announces keys; it signs no release.
  t.equal(
    await codeOf(verifyOsRelease(await publisher.sign(someRelease(), { key: publisher.next }), keys)),
    'os-release-foreign',
  );
  const asOther = await signJws({ type: 'webizen-release+jws', payload, key: publisher.current });
  t.equal(await codeOf(verifyOsRelease(asOther, keys)), 'os-release-malformed');
  const without = await signJws({
    type: osReleaseType,
    payload: Buffer.from('{"version":"1"}'),
    key: publisher.current,
  });
  t.equal(await codeOf(verifyOsRelease(without, keys)), 'os-release-malformed');
  t.equal(await codeOf(verifyOsRelease('x'.repeat(70_000), keys)), 'os-release-too-large');
});

t.test('a changed byte anywhere is found', async () => {
  const publisher = await testPublisher();
  const jws = await publisher.sign(someRelease());
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  await fc.assert(
    fc.asyncProperty(fc.nat(jws.length - 1), fc.constantFrom(...alphabet), async (at, letter) => {
      const changed = jws.slice(0, at) + letter + jws.slice(at + 1);
      // The last letter of a part has bits that say nothing.
      const isSame = changed
        .split('.')
        .every((part, index) =>
          Buffer.from(part, 'base64url').equals(Buffer.from(jws.split('.')[index] ?? '', 'base64url')),
        );
      if (isSame) return;
      const code = await codeOf(verifyOsRelease(changed, publisher.keys));
      if (!code.startsWith('os-release-')) throw new Error(`${at}: ${code}`);
    }),
    { numRuns: 300 },
  );
});

t.test('whatever comes as a release is taken or refused with a code, never more', async () => {
  const publisher = await testPublisher();
  const part = fc.oneof(
    fc.base64String(),
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.array(part, { maxLength: 4 }).map((all) => all.join('.')),
      ),
      async (text) => {
        const code = await codeOf(verifyOsRelease(text, publisher.keys));
        if (!isProblemCode(code)) throw new Error(code);
      },
    ),
    { numRuns: 300 },
  );
  await fc.assert(
    fc.asyncProperty(fc.json(), async (text) => {
      const jws = await signJws({ type: osReleaseType, payload: Buffer.from(text), key: publisher.current });
      const code = await codeOf(verifyOsRelease(jws, publisher.keys));
      if (code !== 'os-release-malformed') throw new Error(code);
    }),
    { numRuns: 100 },
  );
});

t.test('a change of keys is followed where the offline key announced it, and by nobody else', async (t) => {
  const first = await testPublisher();
  const { publisher: second, statement: toSecond } = await first.rotate();
  const { publisher: third, statement: toThird } = await second.rotate();
  const rotation = [toSecond, toThird];
  const jws = await third.sign(someRelease(), { rotation });
  const fromFirst = await verifyOsRelease(jws, first.keys);
  t.equal(fromFirst.keys.generation, 3);
  t.same(fromFirst.retired, [first.keys.keys[0].kid, second.keys.keys[0].kid]);
  t.equal((await verifyOsRelease(jws, second.keys)).keys.generation, 3);
  t.equal((await verifyOsRelease(jws, third.keys)).keys.generation, 3);
  t.equal(await codeOf(verifyOsRelease(await third.sign(someRelease()), first.keys)), 'os-release-foreign');
  t.equal(
    await codeOf(verifyOsRelease(await third.sign(someRelease(), { rotation: [toThird] }), first.keys)),
    'os-release-foreign',
  );
  // Whoever holds the current key alone makes no keys.
  const stranger = await testPublisher();
  const forged = await signJws({
    type: 'webizen-os-keys+jws',
    payload: Buffer.from(JSON.stringify({ ...stranger.keys, generation: 2 })),
    key: first.current,
  });
  t.equal(
    await codeOf(verifyOsRelease(await stranger.sign(someRelease(), { rotation: [forged] }), first.keys)),
    'os-release-foreign',
  );
  // One that was replaced signs nothing any more for who knows.
  t.equal(await codeOf(verifyOsRelease(await first.sign(someRelease()), second.keys)), 'os-release-foreign');
});

const noon = Date.UTC(2026, 10, 27, 12);
const hour = 3_600_000;
const release = someRelease();
const facts = (more: Partial<OsFacts> = {}): OsFacts => ({
  now: noon,
  isTimeKnown: true,
  compatible: 'webizen-test',
  running: '1.0.0',
  floor: '1.0.0',
  selected: { release, notBefore: null },
  settings: { automatic: 'all', window: null, holdUntil: null },
  saidNow: null,
  failed: [],
  isInstalled: false,
  freeBytes: 1e9,
  fetchedBytes: 0,
  isStreamed: false,
  isTooHot: false,
  isPowerWeak: false,
  ...more,
});
const short = (plan: OsPlan): string =>
  [plan.do, 'code' in plan ? plan.code : '', 'why' in plan ? plan.why : '', 'until' in plan ? (plan.until ?? '') : '']
    .filter((part) => part !== '')
    .join(' ');
const settings = facts().settings;
const window = { from: 2 * 60, minutes: 120 };
const opens = Date.UTC(2026, 10, 28, 2);

t.test('what is to be done next follows from what is known', async (t) => {
  const secure = someRelease({ security: true });
  const table: [string, Partial<OsFacts>, string][] = [
    ['nothing is selected', { selected: null }, 'nothing'],
    ['what is selected runs', { running: '1.1.0' }, 'nothing'],
    ['it is newer', {}, 'install'],
    ['it lies in the other slot', { isInstalled: true }, 'restart'],
    ['nothing says what runs', { running: undefined, floor: null }, 'install'],
    ['it is for another machine', { compatible: 'webizen-other' }, 'refuse os-release-compatible'],
    ['it is older than what runs', { running: '1.2.0' }, 'refuse os-release-older'],
    ['a newer one has run here', { floor: '1.2.0' }, 'refuse os-release-older'],
    ['the very one has run here, before the box went back', { floor: '1.1.0' }, 'install'],
    ['what runs is too old for it', { running: '0.9.0', floor: null }, 'refuse os-release-step'],
    ['it has failed here', { failed: [{ version: '1.1.0', again: null }] }, 'refuse os-failed-before'],
    ['another has failed here', { failed: [{ version: '1.0.9', again: null }] }, 'install'],
    [
      'it could not be done lately',
      { failed: [{ version: '1.1.0', again: noon + hour }] },
      `wait failed-lately ${noon + hour}`,
    ],
    ['it could not be done a while ago', { failed: [{ version: '1.1.0', again: noon }] }, 'install'],
    [
      'it has failed, and the owner wants it again',
      { failed: [{ version: '1.1.0', again: null }], saidNow: '1.1.0' },
      'install',
    ],
    [
      'the owner wants another one',
      { failed: [{ version: '1.1.0', again: null }], saidNow: '1.0.5' },
      'refuse os-failed-before',
    ],
    [
      'the owner has put it off',
      { settings: { ...settings, holdUntil: noon + hour } },
      `wait owner-hold ${noon + hour}`,
    ],
    ['that is over', { settings: { ...settings, holdUntil: noon } }, 'install'],
    ['put off, and wanted now', { settings: { ...settings, holdUntil: noon + hour }, saidNow: '1.1.0' }, 'install'],
    ['the owner is asked', { settings: { ...settings, automatic: 'none' } }, 'wait owner-asked'],
    [
      'the owner is asked of what is no security fix',
      { settings: { ...settings, automatic: 'security' } },
      'wait owner-asked',
    ],
    [
      'a security fix goes ahead',
      { settings: { ...settings, automatic: 'security' }, selected: { release: secure, notBefore: null } },
      'install',
    ],
    [
      'the owner is asked of security fixes too',
      { settings: { ...settings, automatic: 'none' }, selected: { release: secure, notBefore: null } },
      'wait owner-asked',
    ],
    ['the owner has said yes', { settings: { ...settings, automatic: 'none' }, saidNow: '1.1.0' }, 'install'],
    ['the provider has a later time', { selected: { release, notBefore: noon + 1 } }, `wait scheduled ${noon + 1}`],
    ['that time has come', { selected: { release, notBefore: noon } }, 'install'],
    [
      'the owner does not wait for the provider',
      { selected: { release, notBefore: noon + 1 }, saidNow: '1.1.0' },
      'install',
    ],
    ['it is hot', { isTooHot: true, saidNow: '1.1.0' }, 'wait too-hot'],
    ['the supply is weak', { isPowerWeak: true, saidNow: '1.1.0' }, 'wait power-weak'],
    ['it is hot behind the installation', { isTooHot: true, isInstalled: true }, 'wait too-hot'],
    ['there is no room', { freeBytes: release.bundle.size - 1 }, 'wait no-room'],
    ['there is just room', { freeBytes: release.bundle.size }, 'install'],
    ['none is needed for what is streamed', { freeBytes: 0, isStreamed: true }, 'install'],
    ['there is room for what is left', { freeBytes: 10, fetchedBytes: release.bundle.size - 10 }, 'install'],
    ['room is not needed any more', { freeBytes: -5, isInstalled: true }, 'restart'],
    ['the window is for restarts alone', { settings: { ...settings, window } }, 'install'],
    ['the window is shut', { settings: { ...settings, window }, isInstalled: true }, `wait window ${opens}`],
    ['the window is open', { settings: { ...settings, window }, isInstalled: true, now: opens }, 'restart'],
    [
      'the window ends',
      { settings: { ...settings, window }, isInstalled: true, now: opens + 2 * hour },
      `wait window ${opens + 24 * hour}`,
    ],
    [
      'the owner does not wait for the window',
      { settings: { ...settings, window }, isInstalled: true, saidNow: '1.1.0' },
      'restart',
    ],
    [
      'nobody knows the time',
      { settings: { ...settings, window }, isInstalled: true, isTimeKnown: false, now: opens },
      'wait time-unknown',
    ],
    ['nobody knows the time, and any will do', { isInstalled: true, isTimeKnown: false, now: 0 }, 'restart'],
    [
      'put off behind the installation',
      { settings: { ...settings, holdUntil: noon + 5 }, isInstalled: true },
      `wait owner-hold ${noon + 5}`,
    ],
  ];
  for (const [name, more, wanted] of table) t.equal(short(planOs(facts(more))), wanted, name);
});

t.test('whatever is known, no older system is begun, and no word of the owner is passed over', async () => {
  const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((all) => all.join('.'));
  const any = fc.record({
    now: fc.integer({ min: 0, max: 4e12 }),
    isTimeKnown: fc.boolean(),
    running: fc.option(version, { nil: undefined }),
    floor: fc.option(version),
    selected: fc.option(
      fc.record({
        release: fc.record({ version, minimum: version, security: fc.boolean() }).map((more) => someRelease(more)),
        notBefore: fc.option(fc.integer({ min: 0, max: 4e12 })),
      }),
    ),
    settings: fc.record({
      automatic: fc.constantFrom('all' as const, 'security' as const, 'none' as const),
      window: fc.option(fc.record({ from: fc.nat(1439), minutes: fc.integer({ min: 30, max: 1440 }) })),
      holdUntil: fc.option(fc.integer({ min: 0, max: 4e12 })),
    }),
    saidNow: fc.option(version),
    failed: fc.array(fc.record({ version, again: fc.option(fc.integer({ min: 0, max: 4e12 })) }), { maxLength: 3 }),
    isInstalled: fc.boolean(),
    freeBytes: fc.integer({ min: -1e6, max: 1e6 }),
    fetchedBytes: fc.nat(200_000),
    isTooHot: fc.boolean(),
    isPowerWeak: fc.boolean(),
  });
  fc.assert(
    fc.property(any, (more) => {
      const all = facts(more);
      const plan = planOs(all);
      if (plan.do !== 'install' && plan.do !== 'restart') return true;
      const { version, security } = all.selected!.release;
      const isWanted = all.saidNow === version;
      const { automatic, holdUntil, window: hours } = all.settings;
      return (
        (all.running === undefined || compareVersions(version, all.running) > 0) &&
        (all.floor === null || compareVersions(version, all.floor) >= 0) &&
        !(all.isTooHot || all.isPowerWeak) &&
        (isWanted ||
          ((holdUntil === null || all.now >= holdUntil) &&
            (automatic === 'all' || (automatic === 'security' && security)) &&
            all.failed.find((one) => one.version === version)?.again !== null &&
            (plan.do !== 'restart' || !hours || (all.isTimeKnown && windowAt(hours, all.now).isOpen))))
      );
    }),
    { numRuns: 2000 },
  );
});

t.test('a window is open for as long as it says, each day, and says when it opens next', async (t) => {
  const late = { from: 23 * 60, minutes: 180 };
  for (const [at, isOpen, next] of [
    [Date.UTC(2026, 0, 1, 22, 59), false, Date.UTC(2026, 0, 1, 23)],
    [Date.UTC(2026, 0, 1, 23), true, Date.UTC(2026, 0, 2, 23)],
    [Date.UTC(2026, 0, 2, 1, 59), true, Date.UTC(2026, 0, 2, 23)],
    [Date.UTC(2026, 0, 2, 2), false, Date.UTC(2026, 0, 2, 23)],
  ] as const)
    t.same(windowAt(late, at), { isOpen, opensAt: next });
  t.ok(windowAt({ from: 0, minutes: 1440 }, noon).isOpen);
});

t.test('what failed for its own fault is not tried again, what was held up is, more and more seldom', async (t) => {
  for (const code of ['os-unhealthy', 'os-not-booted', 'os-bundle-refused'] as const)
    t.equal(againAfter(code, 1), null);
  t.same(
    [1, 2, 3, 4].map((times) => againAfter('os-install-failed', times)),
    [hour, 6 * hour, 24 * hour, null],
  );
  t.same(
    [1, 9].map((times) => againAfter('blob-unknown', times)),
    [hour, 24 * hour],
  );
  t.equal(outcomeOf('os-unhealthy'), 'rolled-back');
  t.equal(outcomeOf('os-bundle-refused'), 'failed');
  for (const code of ['est-unreachable', 'disk-full', 'os-busy'] as const) t.notOk(isFinal(new Refusal(code)));
  t.ok(isFinal(new Refusal('os-bundle-mismatch')));
});
