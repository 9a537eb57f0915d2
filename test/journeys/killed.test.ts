/** SIGKILL at every durable step of enrolment and renewal, and at random moments of agent and provider. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { createOutbox, type OutboxState } from '../../agent/link/outbox.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { runCommand, type TestProvider, testProvider } from '../support/provider.js';
import { kills, randomFrom, seed } from '../support/random.js';
import { storedSamples, wholeUpTo } from '../support/stored.js';

/** Here the whole program; test/provisioning/killed.test.ts kills broker and ingest, which start faster, far more often. */
const providerKills = Math.max(10, Math.ceil(kills / 10));

const agentChild = path.resolve('build/test/support/agent-child.js');

/** Runs the agent that cuts itself at the step; answers where it was cut, or undefined when it never came so far. */
async function cutAt(
  box: TestBox,
  step: number,
  when: string,
  far: () => Promise<unknown>,
  ahead = 0,
): Promise<string | undefined> {
  const child = spawn(process.execPath, [agentChild, box.configFile, String(step), when, String(ahead)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const gone = once(child, 'close');
  await Promise.race([gone, far()]);
  await killed(child);
  await gone;
  return printed.trim() || undefined;
}

/** The outbox of an agent that does not run: opened as the next agent will, and closed again. None yet if it never was. */
async function outboxOf(box: TestBox): Promise<OutboxState | undefined> {
  if (!existsSync(path.join(box.dataDir, 'store'))) return undefined;
  const db = await openDatabase(path.join(box.dataDir, 'store'), 1);
  const { commit } = createCommits(db);
  const outbox = await createOutbox({ store: { db, commit }, budgetBytes: 1_000_000 });
  const state = outbox.state();
  await db.close();
  return state;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(50);
}

t.test('killed at every durable step of enrolment, a box is enrolled once and is never locked out', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const cuts = new Set<string>();
  let whole = 0;
  for (let step = 1; whole === 0; step += 1) {
    for (const when of ['before', 'after']) {
      const claim = await provider.claim();
      const box = await testBox(t, { ...provider, claim: claim.code });
      const online = () =>
        until(async () => (await provider.boxes()).some(({ id, state }) => id === idOf && state === 'online'));
      let idOf = '';
      const enrolled = until(async () => {
        idOf = (await provider.claims()).find(({ id }) => id === claim.id)?.box ?? '';
        return idOf !== '';
      });
      const cut = await cutAt(box, step, when, () => enrolled.then(online));
      if (cut) cuts.add(cut);
      else whole = step;
      await box.start();
      const status = await box.until(({ health }) => health.acknowledged > 0);
      const used = (await provider.claims()).find(({ id }) => id === claim.id);
      t.equal(used?.box, status.box, `${cut ?? 'never cut'}: the claim and the box agree`);
      t.equal((await provider.boxes()).filter(({ id }) => id === status.box).length, 1);
      await box.stop();
    }
  }
  const claims = await provider.claims();
  t.equal((await provider.boxes()).length, claims.length, 'no claim made two boxes');
  for (const name of [
    'write pending.key',
    'write authorities.crt',
    'write operational.pem',
    'remove pending.key',
    'write profile.json',
  ])
    t.ok(cuts.has(`before ${name}`) && cuts.has(`after ${name}`), `it was cut before and after "${name}"`);
});

t.test('killed at every durable step of a renewal, a box keeps one identity that its provider accepts', async (t) => {
  const provider = await testProvider(t, { leafLifetime: '1h' });
  await provider.start();
  const cuts = new Set<string>();
  for (let step = 1, whole = false; !whole; step += 1) {
    for (const when of ['before', 'after']) {
      const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
      await box.start();
      const before = await box.until(({ link }) => link.online);
      await box.stop();
      const renewed = () =>
        until(async () => {
          const seen = (await provider.boxes()).find(({ id }) => id === before.box);
          const proven = seen?.certificate.serial !== before.certificate?.serial;
          return proven && !existsSync(path.join(box.dataDir, 'identity/next.pem'));
        });
      // The agent's clock is 55 minutes ahead, so that it renews at once; TLS and the provider keep the true time.
      const cut = await cutAt(box, step, when, renewed, 55 * 60_000);
      if (cut) cuts.add(cut);
      else whole = true;
      await box.start();
      const after = await box.until(({ link, health }) => link.online && health.waiting === 0);
      t.equal(after.box, before.box, `${cut ?? 'never cut'}: it is the same box, and is let in`);
      await box.stop();
    }
  }
  for (const name of [
    'write pending.key',
    'write next.pem',
    'write operational.pem',
    'remove pending.key',
    'remove next.pem',
  ])
    t.ok(cuts.has(`before ${name}`) && cuts.has(`after ${name}`), `it was cut before and after "${name}"`);
});

/** How long a moment may take to come: a busy machine starts programs slowly, and a kill before the first step shows nothing. */
function windowMilliseconds(): number {
  const began = Date.now();
  runCommand('webizen-agent', ['--version']);
  return 500 + 3 * (Date.now() - began);
}

/** Kills what `start` gives, each time at another moment. */
async function killAtRandom(
  times: number,
  random: () => number,
  start: () => Promise<ChildProcess> | ChildProcess,
): Promise<void> {
  const window = windowMilliseconds();
  for (let kill = 0; kill < times; kill += 1) {
    const child = await start();
    await systemClock.sleep(random() * window); // the moment is the test, not a wait for something
    await killed(child);
  }
}

async function killBoxes(t: Test, provider: TestProvider, times: number, random: () => number): Promise<void> {
  const killsOfOneBox = 10;
  for (let done = 0; done < times; done += killsOfOneBox) {
    const claim = await provider.claim();
    const box = await testBox(t, { ...provider, claim: claim.code });
    await killAtRandom(Math.min(killsOfOneBox, times - done), random, () => box.spawn());
    const left = await outboxOf(box);
    await box.start();
    const status = await box.until(({ health }) => health.acknowledged > (left?.last ?? 0));
    if (left) t.equal(status.health.epoch, left.epoch, 'the store is the one it was');
    t.equal(status.health.lost, 0, `of ${left?.last ?? 0} samples, ${left?.waiting ?? 0} waiting, none was lost`);
    t.equal((await provider.claims()).find(({ id }) => id === claim.id)?.box, status.box);
    await box.stop();
  }
}

t.test(
  `killed ${kills} times at random moments (SEED=${seed}), no box is enrolled twice and no sample is lost`,
  async (t) => {
    t.comment(`SEED=${seed} KILLS=${kills}`);
    const provider = await testProvider(t);
    await provider.start();
    const random = randomFrom(seed);
    const first = Math.ceil(kills / 20) * 10;
    await Promise.all([killBoxes(t, provider, first, random), killBoxes(t, provider, kills - first, random)]);
    t.equal((await provider.boxes()).length, (await provider.claims()).length, 'one box a claim');
    for (const { gaps } of await provider.boxes()) t.equal(gaps, 0);
    await provider.stop();
    for (const [box, stored] of await storedSamples(provider.directory)) t.ok(wholeUpTo(stored) > 0, `${box} is whole`);
  },
);

t.test(`a provider killed ${providerKills} times loses nothing that it acknowledged (SEED=${seed})`, async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await provider.stop();
  await box.start();
  const random = randomFrom(seed + 1);
  const acknowledged: number[] = [];
  await killAtRandom(providerKills, random, async () => {
    acknowledged.push(box.agent?.status().health.acknowledged ?? 0);
    return provider.spawn();
  });
  await provider.start();
  const reached = box.agent?.status().health.lastSequence ?? 0;
  const status = await box.until(({ health }) => health.acknowledged > reached);
  t.match(status.health, { lost: 0, deadLetters: 0 });
  t.equal((await provider.boxes())[0]?.gaps, 0);
  t.equal((await provider.boxes()).length, 1);
  await box.stop();
  await provider.stop();
  const [stored = []] = (await storedSamples(provider.directory)).values();
  t.ok(wholeUpTo(stored) >= Math.max(...acknowledged));
});
