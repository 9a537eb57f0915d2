/** Safe mode: when it begins and ends, over records that any start may have left, and with the agent's own process crashing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { Value } from 'typebox/value';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { AgentStatus } from '#contract/agent-status.js';
import { adminSocket } from '../../agent/config.js';
import { createBareConsole } from '../../agent/safe/bare.js';
import { sayLastWords, takeLastWords } from '../../agent/safe/last-words.js';
import { begin, ended, lasted, pauseOf, StartsRecord, usualLimits } from '../../agent/safe/record.js';
import { openSafe } from '../../agent/safe/safe.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock } from '../support/manual-clock.js';
import { heading, launch, looker, openPage, press, sizes } from '../support/owner-pages.js';
import { command, freePortBase, testProvider } from '../support/provider.js';

const words = { end: null, error: null };
const now = (boot: string, more = {}) => ({ boot, software: '1', words, ...more });
const { crashes, boots } = usualLimits;

t.test('five crashes in a boot, or three boots that never became good', async (t) => {
  let record = begin(undefined, now('a'), usualLimits);
  for (let count = 1; count < crashes; count += 1) record = begin(record, now('a'), usualLimits);
  t.match(record, { mode: 'usual', crashes: crashes - 1 });
  record = begin({ ...record, app: 'visits' }, now('a', { words: { end: 'watchdog', error: null } }), usualLimits);
  t.match(record, { mode: 'safe', why: { reason: 'crashes', count: crashes }, app: null });
  t.same(record.fault, { end: 'watchdog', error: null, app: 'visits' }, 'what was crashing');

  record = begin(undefined, now('0'), usualLimits);
  for (let count = 1; count < boots; count += 1) record = begin(record, now(String(count)), usualLimits);
  t.match(record, { mode: 'usual', boots: boots - 1 });
  t.match(begin(record, now('x'), usualLimits), { mode: 'safe', why: { reason: 'boots', count: boots } });
  t.match(begin(ended(record), now('x'), usualLimits), { mode: 'usual', boots: 0 }, 'an ordered end is none of them');
  t.match(begin(lasted(record), now('x'), usualLimits), { mode: 'usual', boots: 0 });
});

t.test(
  'one failure after safe mode leads back to it, for longer each time; another software is given a chance',
  async (t) => {
    let record: StartsRecord = { ...begin(undefined, now('a'), usualLimits), crashes: crashes - 1 };
    record = begin(record, now('a'), usualLimits);
    const pauses: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      t.equal(record.mode, 'safe');
      pauses.push(pauseOf(record, usualLimits));
      record = begin(ended(record), now('a'), usualLimits);
      t.match(record, { mode: 'usual', isTrial: true });
      record = begin(ended(record), now('b'), usualLimits);
      t.match(record, { mode: 'usual', isTrial: true }, 'switched off in good order, it is still the trial');
      record = begin(record, now('b'), usualLimits);
    }
    t.same(
      pauses.map((one) => one / 3_600_000),
      [0.5, 2, 6, 24, 24],
    );
    t.match(begin(record, now('c'), usualLimits), { mode: 'safe' }, 'cut in safe mode, it stays in it');
    t.match(begin(record, now('a', { software: '2' }), usualLimits), { mode: 'usual', isTrial: false, crashes: 0 });
    const well = lasted(begin(lasted(record), now('a'), usualLimits));
    t.match(well, { isTrial: false, vain: 0, crashes: 0, why: null });
  },
);

t.test(
  'whatever befalls it, safe mode is entered only after failures, and left only by a start as usual that lasts',
  (t) => {
    const step = fc.record({ boot: fc.constantFrom('same', 'other'), end: fc.constantFrom('cut', 'ended', 'lasted') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let record: StartsRecord | undefined;
        let boot = 0;
        let failures = 0;
        for (const one of steps) {
          if (one.boot === 'other') boot += 1;
          const before = record;
          record = begin(before, now(String(boot)), usualLimits);
          if (before?.state === 'begun') failures += 1;
          if (record.mode === 'safe' && before?.mode === 'usual' && failures === 0) return false;
          if (before?.isTrial && before.state === 'begun' && record.mode !== 'safe') return false;
          if (record.mode === 'safe' && !record.why) return false;
          if (one.end === 'lasted' && record.mode === 'usual') failures = 0;
          if (one.end !== 'cut') record = one.end === 'lasted' ? lasted(record) : ended(record);
          if (!Value.Check(StartsRecord, record)) return false;
        }
        return true;
      }),
    );
    t.end();
  },
);

t.test(
  'it is left by itself after its time, on a clock that never jumps, and a start that runs on has lasted',
  async (t) => {
    const folder = await ownFolder(t);
    const clock = createManualClock();
    const file = path.join(folder, 'card.json');
    const record = { ...begin(undefined, now('a'), usualLimits), crashes: crashes - 1 };
    await writeFile(file, JSON.stringify(record));
    let restarts = 0;
    const restart = (): void => {
      restarts += 1;
    };
    const open = () =>
      openSafe({
        ...{ files, clock, monotonic: clock.now, memoryFile: path.join(folder, 'memory.json'), cardFile: file },
        ...{ boot: 'a', software: '1', words, restart },
      });
    const inSafe = await open();
    const view = inSafe.view(0);
    t.match(view, { reason: 'crashes', count: crashes, triesAt: 1_800_000 });
    inSafe.start(() => {});
    await clock.pass(1_799_999);
    t.equal(restarts, 0);
    await clock.pass(1);
    t.equal(restarts, 1);
    await inSafe.stop({ inOrder: true });

    const trial = await open();
    t.equal(trial.isOn(), false);
    t.throws(() => trial.leave(), { code: 'not-in-safe-mode' });
    const back = new Promise((resolve) => trial.start(resolve));
    await clock.pass(usualLimits.lastsMilliseconds);
    t.same(await back, { isBack: true });
    await trial.stop({ inOrder: true });
    t.match(JSON.parse(await readFile(file, 'utf8')), { state: 'lasted', isTrial: false, vain: 0 });
  },
);

t.test('a card that takes nothing, and files that hold anything', async (t) => {
  const folder = await ownFolder(t);
  const full = {
    ...files,
    write: (file: string, ...more: [string]) =>
      file.includes('card') ? Promise.reject(new Error('ENOSPC')) : files.write(file, ...more),
  };
  const wish = {
    ...{ clock: systemClock, monotonic: () => 0, boot: 'a', software: '1', words, restart: () => {} },
    ...{ memoryFile: path.join(folder, 'memory.json'), cardFile: path.join(folder, 'card', 'starts.json') },
  };
  for (let count = 0; count < crashes; count += 1) t.equal((await openSafe({ ...wish, files: full })).isOn(), false);
  t.equal((await openSafe({ ...wish, files: full })).isOn(), true, 'within a boot memory is enough');
  for (const text of ['', '{', '[]', '{"number":1e400}', '\0\0\0\0']) {
    await writeFile(wish.memoryFile, text);
    t.equal((await openSafe({ ...wish, files: full })).isOn(), false);
  }
});

t.test('last words are taken once, whatever they hold', async (t) => {
  const folder = await ownFolder(t);
  t.same(await takeLastWords(files, folder), { end: null, error: null });
  sayLastWords(folder, new Error(`the\u0007 disk\nat somewhere`));
  t.same(await takeLastWords(files, folder), { end: 'error', error: 'Error: the  disk' });
  await writeFile(path.join(folder, 'ended'), 'oom-kill\n');
  t.same(await takeLastWords(files, folder), { end: 'out-of-memory', error: null });
  t.same(await takeLastWords(files, folder), { end: null, error: null });
  sayLastWords(path.join(folder, 'not-there'), new Error('nobody hears it'));
});

/** The built agent, as systemd would start it again and again. */
function process(box: TestBox): { child: ChildProcess; gone: Promise<unknown> } {
  const child = spawn(globalThis.process.execPath, [command('webizen-agent'), '--config', box.configFile], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  return { child, gone: once(child, 'exit') };
}

async function answers(box: TestBox): Promise<AgentStatus> {
  for (;;) {
    const said = await callControl(adminSocket(String(box.config.runtimeDir)), 'status').catch(() => undefined);
    if (said !== undefined) return Value.Parse(AgentStatus, said);
    await systemClock.sleep(20); // until its socket is there
  }
}

const sleeper = [{ id: 'visits', command: ['/bin/sleep', '1000'], grants: [], quotaBytes: 0 }];

t.test(
  'an agent that is killed five times starts without apps, reports it, and goes on as usual on its owner’s word',
  async (t) => {
    const provider = await testProvider(t);
    await provider.start();
    const owner = { host: '127.0.0.1', port: 0, mdns: false };
    const more = { safeMode: true, owner };
    const box = await testBox(t, { ...provider, claim: (await provider.claim()).code, apps: sleeper, more });
    for (let count = 0; count < crashes; count += 1) {
      const { child } = process(box);
      const { apps } = await answers(box);
      t.equal(apps[0]?.state !== undefined, true);
      await killed(child);
    }
    const agent = await box.start();
    t.match(agent.safe().view(0), { reason: 'crashes', count: crashes });
    const seen = await provider.happened(({ said }) => said?.type === 'safe-mode');
    t.match(seen.said, { severity: 'trouble', facts: { reason: 'crashes', count: crashes } });
    const status = await box.until(({ health }) => health.conditions.some(({ kind }) => kind === 'safe-mode'));
    t.match(status.apps, [{ id: 'visits', state: 'stopped', pid: null }]);
    t.equal(status.state, 'enrolled', 'what binds it to its provider works');
    t.ok(status.link.online);
    const port = agent.console()?.port ?? 0;
    t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200, 'so does the console');

    let started = 0;
    const { start } = box;
    box.start = (host) => {
      started += 1;
      return start(host);
    };
    agent.safe().leave();
    agent.safe().leave(); // on two screens at once: one agent is started in its place
    await box.until(({ apps }) => apps[0]?.state === 'running');
    await box.until(
      ({ health }) => health.latest !== null && health.conditions.every(({ kind }) => kind !== 'safe-mode'),
    );
    t.equal(box.agent?.safe().isOn(), false);
    t.equal(started, 1);
  },
);

t.test('what was asked for is done once, and followed up where nobody waits for the answer any more', async (t) => {
  const events = new EventEmitter();
  const [begun, followed] = [once(events, 'begun'), once(events, 'followed')];
  const fault = { code: 'store-damaged', said: 'torn' };
  const safe = { reason: 'crashes' as const, count: 1, fault: { end: null, error: null, app: null } };
  const bare = createBareConsole({
    view: () => ({ name: 'box', safe: { ...safe, since: 0, triesAt: 0 }, fault, offers: ['mend'], before: undefined }),
    isCode: async () => true,
    async act() {
      events.emit('begun');
      await once(events, 'mended');
    },
    afterwards: (act) => events.emit('followed', act),
    onFault: (error) => t.fail(String(error)),
    ...{ assetsDir: '', host: '127.0.0.1', port: 0 },
  });
  const url = `http://127.0.0.1:${await bare.start()}`;
  t.teardown(() => bare.stop());
  const away = new AbortController();
  const asked = fetch(`${url}/act/mend`, { method: 'POST', signal: away.signal });
  await begun;
  away.abort();
  await t.rejects(asked, { name: 'AbortError' });
  events.emit('mended');
  t.same(await followed, ['mend']);
  t.equal((await fetch(`${url}/act/mend`, { method: 'POST' })).status, 409, 'the agent ends here');
});

const browser = await launch(t);

for (const size of ['phone', 'desktop'] as const)
  t.test(
    `damaged records: the box says so, mends them with its code, and is itself again, on the ${size}`,
    async (t) => {
      const port = await freePortBase();
      const more = { safeMode: true, owner: { host: '127.0.0.1', port, mdns: false } };
      const box = await testBox(t, { apps: sleeper, more });
      const first = process(box);
      const before = await answers(box);
      await killed(first.child);
      const store = path.join(box.dataDir, 'store');
      const [manifest = ''] = (await readdir(store)).filter((name) => name.startsWith('MANIFEST'));
      await writeFile(path.join(store, manifest), 'torn');
      const starts = path.join(String(box.config.runtimeDir), 'starts.json');
      for (let count = 1; count < crashes; count += 1) await process(box).gone;
      t.match(JSON.parse(await readFile(starts, 'utf8')), { mode: 'usual', crashes: crashes - 1 });

      const last = process(box);
      t.teardown(() => killed(last.child));
      const url = `http://127.0.0.1:${port}`;
      while (!(await fetch(url).catch(() => undefined))) await systemClock.sleep(20); // until it answers
      const page = await openPage(browser, url, sizes[size]);
      const look = looker(t, page, size, 'safe');
      await heading(page, 'Your box cannot open its own records.');
      await look('1-bare');
      await page.getByLabel('Code on the label').first().fill('AAAAA-AAAAA');
      await press(page, 'Mend');
      await page.getByText('setup-code-wrong').waitFor();
      await look('2-wrong');
      const cross = { method: 'POST', headers: { origin: 'http://elsewhere.example' } };
      t.equal((await fetch(`${url}/act/again`, cross)).status, 403, 'no other site has it try again');
      t.equal((await fetch(`${url}/act/mend`, { method: 'POST', body: 'x'.repeat(5000) })).status, 413);
      t.equal((await fetch(`${url}/act/back`, { method: 'POST' })).status, 404, 'nothing that is not offered');

      const code = /[0-9A-Z]{5}-[0-9A-Z]{5}/.exec(
        await readFile(path.join(box.bootDir, 'webizen-setup-code.txt'), 'utf8'),
      );
      await page
        .getByLabel('Code on the label')
        .first()
        .fill(code?.[0] ?? '');
      await press(page, 'Mend');
      await heading(page, 'Your box is working on it.');
      await look('3-done');
      const after = await answers(box);
      t.equal(after.ledger?.hash, before.ledger?.hash, 'what was written is there again');
      t.equal(after.health.epoch, before.health.epoch);
      t.ok((await readdir(box.dataDir)).includes('store-damaged'), 'a copy is kept of what was');
      while (!(await fetch(url).catch(() => undefined))) await systemClock.sleep(20); // until the console answers again
      t.match(JSON.parse(await readFile(starts, 'utf8')), { mode: 'usual', isTrial: true });
    },
  );

t.test('a configuration that cannot be used is told as what ended it, and reset is the last resort', async (t) => {
  const port = await freePortBase();
  const box = await testBox(t, {
    territories: [],
    more: { safeMode: true, owner: { host: '127.0.0.1', port, mdns: false } },
  });
  const first = process(box);
  await answers(box);
  await killed(first.child);
  const store = path.join(box.dataDir, 'store');
  await rename(store, `${store}-away`);
  await writeFile(store, 'a file where a directory should be');
  for (let count = 1; count < crashes; count += 1) await process(box).gone;
  const last = process(box);
  t.teardown(() => killed(last.child));
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(url).catch(() => undefined))) await systemClock.sleep(20); // until it answers
  const text = await (await fetch(url)).text();
  t.match(text, /store-damaged/);
  t.match(JSON.parse(await readFile(path.join(String(box.config.runtimeDir), 'starts.json'), 'utf8')), {
    mode: 'safe',
    fault: { end: 'error', error: /^store-damaged: / },
  });
  const code = /[0-9A-Z]{5}-[0-9A-Z]{5}/.exec(await readFile(path.join(box.bootDir, 'webizen-setup-code.txt'), 'utf8'));
  const reset = (word: string) =>
    fetch(`${url}/act/reset`, { method: 'POST', body: new URLSearchParams({ code: code?.[0] ?? '', word }) });
  t.equal((await reset('yes')).status, 400);
  t.equal((await reset('reset')).status, 200);
  const status = await answers(box);
  t.equal(status.state, 'unclaimed');
});
