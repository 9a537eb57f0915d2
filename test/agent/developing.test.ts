/** What runs apps without a box's sandbox never does so on somebody's box. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { createAgent } from '../../agent/agent.js';
import { parseConfig } from '../../agent/config.js';
import { devTerritory, openDevTerritory } from '../../agent/dev/territory.js';
import { realHost } from '../../agent/host/host.js';
import type { Simulated } from '../../agent/simulated.js';
import { testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { command, testProvider } from '../support/provider.js';
import { codeOf } from '../support/runtime.js';

async function standIns(t: Test): Promise<Simulated> {
  const directory = path.join(await ownFolder(t), 'territory');
  const standing = await openDevTerritory({ directory, files, at: systemClock.now() });
  return {
    standing: () => standing,
    territory: devTerritory,
    connectivity: { online: () => true, subscribe: () => () => {} },
    app: () => undefined,
    ready: () => {},
    logs: async () => '',
  };
}

/** Answers the code of the refusal, `done` where it starts. */
async function started(t: Test, config: object, simulated?: Simulated): Promise<string> {
  const runtimeDir = path.join(await ownFolder(t), 'run');
  const parsed = parseConfig(JSON.stringify({ runtimeDir, ...config }));
  const agent = createAgent(parsed, realHost, { log: pino({ level: 'silent' }), ...(simulated && { simulated }) });
  const code = await codeOf(agent.start());
  await agent.stop();
  return code;
}

t.test('stand-ins are taken only where the configuration says developing, and names nothing of a box', async (t) => {
  const simulated = await standIns(t);
  const dataDir = path.join(await ownFolder(t), 'data');
  const developing = { dataDir, developing: true };
  t.equal(await started(t, { dataDir }, simulated), 'developing-only');
  t.equal(await started(t, developing, simulated), 'done');
  const est = { est: 'https://provider.example', caSha256: 'ab'.repeat(32) };
  for (const real of [
    { territory: est },
    { owner: { host: '127.0.0.1', port: 0, mdns: false } },
    { runtime: { podman: '/run/podman.sock' } },
    { directory: { keysFile: '/etc/webizen/keys.json' } },
    { claimCodeFile: '/etc/webizen/claim' },
    { bootDir: '/boot' },
  ])
    t.equal(await started(t, { ...developing, ...real }, simulated), 'developing-only', Object.keys(real).join());
  t.equal(await started(t, developing, simulated), 'done', 'nothing was left open');
});

t.test('a box that has an owner is not taken for a developer’s machine, and is unharmed', async (t) => {
  const box = await testBox(t, {});
  const agent = await box.start();
  await agent.rooms().owner.set({ passphrase: 'a long enough passphrase' });
  await box.stop();
  const { dataDir } = box;
  t.equal(await started(t, { dataDir, developing: true }, await standIns(t)), 'developing-only');
  t.equal(await started(t, { dataDir, developing: true }), 'developing-only', 'without stand-ins neither');
  t.ok((await box.start()).rooms().owner.isSet());
});

t.test('nor is one that belongs to a territory', async (t) => {
  const provider = await testProvider(t);
  await provider.start();
  const box = await testBox(t, {
    est: provider.est,
    caSha256: provider.caSha256,
    claim: (await provider.claim()).code,
  });
  await box.start();
  await box.until(({ state }) => state === 'enrolled');
  await box.stop();
  t.equal(await started(t, { dataDir: box.dataDir, developing: true }, await standIns(t)), 'developing-only');
});

t.test('the agent that boxes have does not hold what runs apps so', async (t) => {
  const [shipped, dev] = await Promise.all(
    ['webizen-agent', 'webizen-dev'].map((name) => readFile(command(name), 'utf8')),
  );
  t.ok(dev?.includes('nsenter'));
  t.notOk(shipped?.includes('nsenter'));
});

t.test(
  'the throw-away territory is the same from one time to the next, and its box is vouched for anew in time',
  async (t) => {
    const directory = path.join(await ownFolder(t), 'territory');
    const at = systemClock.now();
    const first = await openDevTerritory({ directory, files, at });
    const second = await openDevTerritory({ directory, files, at });
    t.equal(second.chain, first.chain);
    const root = await readFile(first.root, 'utf8');
    const later = await openDevTerritory({ directory, files, at: at + 25 * 24 * 3_600_000 });
    t.not(later.chain, first.chain);
    t.equal(later.box, first.box);
    t.equal(await readFile(later.root, 'utf8'), root);
  },
);
