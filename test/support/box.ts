/** A whole agent over directories of its own, in this process or as the built command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import type { AgentStatus } from '#contract/agent-status.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import { Refusal } from '#contract/problems.js';
import { type Agent, createAgent } from '../../agent/agent.js';
import { parseConfig } from '../../agent/config.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { testAlliance } from './alliance.js';
import { ownFolder } from './folder.js';
import { command } from './provider.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface TestBox {
  folder: string;
  dataDir: string;
  configFile: string;
  config: Record<string, unknown>;
  agent: Agent | undefined;
  /** What a restart waits for. */
  calm: Promise<unknown> | undefined;
  bootDir: string;
  setClaim(code: string): Promise<void>;
  start(host?: Host): Promise<Agent>;
  stop(): Promise<void>;
  /** As the built command. */
  spawn(): ChildProcess;
  /** Resolves once this holds for the agent in this process. */
  until(holds: (status: AgentStatus) => boolean): Promise<AgentStatus>;
}

export async function testBox(
  t: Teardown,
  wish: {
    est?: string;
    caSha256?: string;
    claim?: string;
    apps?: unknown[];
    health?: object;
    /** What the alliance's directory lists: without an address of its own the box waits for its owner. */
    territories?: DirectoryTerritory[];
    /** More of the configuration file. */
    more?: Record<string, unknown>;
  },
): Promise<TestBox> {
  const folder = await ownFolder(t);
  const claimCodeFile = path.join(folder, 'claim');
  const configFile = path.join(folder, 'agent.json');
  const dataDir = path.join(folder, 'data');
  const runtimeDir = path.join(folder, 'run');
  const bootDir = path.join(folder, 'boot');
  const config = {
    dataDir,
    runtimeDir,
    ...(wish.est === undefined ? {} : { territory: { est: wish.est, caSha256: wish.caSha256 }, claimCodeFile }),
    bootDir,
    health: wish.health ?? { intervalSeconds: 1, batchSeconds: 1 },
    apps: wish.apps ?? [],
    ...(wish.territories ? { directory: await listed(t, folder, wish.territories) } : {}),
    ...wish.more,
  };
  await mkdir(bootDir, { recursive: true });
  await writeFile(configFile, JSON.stringify(config));
  if (wish.claim) await writeFile(claimCodeFile, `${wish.claim}\n`);

  const box: TestBox = {
    folder,
    dataDir,
    configFile,
    config,
    agent: undefined,
    calm: undefined,
    bootDir,
    setClaim: (code) => writeFile(claimCodeFile, `${code}\n`),
    async start(host = realHost) {
      const agent = createAgent(parseConfig(JSON.stringify(config)), host, {
        log: pino({ level: 'silent' }),
        ownerAssets: path.resolve('build/owner'),
        async onRestart() {
          await box.calm;
          await agent.stop();
          await box.start(host);
        },
      });
      box.agent = agent;
      await agent.start();
      return agent;
    },
    async stop() {
      await box.agent?.stop();
      box.agent = undefined;
    },
    spawn: () =>
      spawn(process.execPath, [command('webizen-agent'), '--config', configFile], {
        stdio: ['ignore', 'ignore', 'ignore'],
      }),
    async until(holds) {
      for (;;) {
        if (!box.agent) throw new Error('the agent does not run');
        const status = statusOf(box.agent);
        if (status && holds(status)) return status;
        await realHost.clock.sleep(20); // the status is a look, not an event
      }
    },
  };
  t.teardown(() => box.stop());
  return box;
}

/** A directory that an alliance has signed, as an image ships it. */
async function listed(t: Teardown, folder: string, territories: readonly DirectoryTerritory[]) {
  const { alliance, publish, directory } = await testAlliance(t, systemClock);
  for (const territory of territories) await alliance.addTerritory(territory);
  const file = path.join(folder, 'directory.jws');
  await writeFile(file, await publish());
  return { file, keysFile: path.join(directory, 'keys.json') };
}

/** Undefined while it starts. */
function statusOf(agent: Agent): AgentStatus | undefined {
  try {
    return agent.status();
  } catch (error) {
    if (error instanceof Refusal && error.code === 'unavailable') return undefined;
    throw error;
  }
}

export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
