/** SIGKILL at random moments of agent and provider. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { realHost } from '../../agent/host/host.js';
import { createOutbox, type OutboxState } from '../../agent/link/outbox.js';
import { createSpool } from '../../agent/link/spool.js';
import { bootId } from '../../agent/time/boot.js';
import { killed, type TestBox, testBox } from '../support/box.js';
import { runCommand, type TestProvider, testProvider } from '../support/provider.js';
import { kills, randomFrom, seed } from '../support/random.js';
import { storedSamples, wholeUpTo } from '../support/stored.js';

/** Here the whole program; test/provisioning/killed.test.ts kills broker and ingest, which start faster, far more often. */
const providerKills = Math.max(10, Math.ceil(kills / 10));

/** The outbox of an agent that does not run: opened as the next agent will, and closed again. None yet if it never was. */
async function outboxOf(box: TestBox): Promise<OutboxState | undefined> {
  if (!existsSync(path.join(box.dataDir, 'store'))) return undefined;
  const db = await openDatabase(path.join(box.dataDir, 'store'), 1);
  const { commit } = createCommits(db);
  const spool = createSpool({ file: path.join(box.folder, 'run', 'outbox.spool'), boot: await bootId(realHost) });
  const outbox = await createOutbox({ store: { db, commit }, budgetBytes: 1_000_000, spool });
  const state = outbox.state();
  await outbox.close();
  await db.close();
  return state;
}

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

/** @param batchSeconds how many samples share a commit, one a second */
async function killBoxes(
  t: Test,
  provider: TestProvider,
  { times, random, batchSeconds }: { times: number; random: () => number; batchSeconds: number },
): Promise<void> {
  const killsOfOneBox = 10;
  for (let done = 0; done < times; done += killsOfOneBox) {
    const claim = await provider.claim();
    const health = { intervalSeconds: 1, batchSeconds };
    const box = await testBox(t, { ...provider, claim: claim.code, health });
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
    await Promise.all([
      killBoxes(t, provider, { times: first, random, batchSeconds: 1 }),
      killBoxes(t, provider, { times: kills - first, random, batchSeconds: 3 }),
    ]);
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
