/** The built agent as a box runs it, with apps that do nothing, mostly one: their sockets are what the bench calls. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { call } from '../support/api-box.js';
import { built, type Program, type Workshop } from './workshop.js';

export interface AgentUnderTest {
  socketPath: string;
  /** One an app; the first is `socketPath`. */
  socketPaths: readonly string[];
  /** Resolves when the standard API answers. */
  start(): Promise<Program>;
}

/** As the image's unit starts the agent: one heap for all of its threads (mallopt(3)). */
export const asStarted = { MALLOC_ARENA_MAX: '1' };

/** Nobody listens there: the box is never enrolled, and its API serves all the same. */
const nowhere = { est: 'https://127.0.0.1:1', caSha256: '0'.repeat(64) };

/** Until a unix socket's server answers. */
export async function answering(socketPath: string, target: string): Promise<void> {
  for (let tries = 0; tries < 6000; tries += 1) {
    const answer = await call(socketPath, 'GET', target).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`nothing answers at ${socketPath}`);
}

export async function agentUnderTest(
  workshop: Workshop,
  wish: { territory?: { est: string; caSha256: string }; claim?: string; health?: object; apps?: number } = {},
): Promise<AgentUnderTest> {
  const folder = await workshop.folder();
  const configFile = path.join(folder, 'agent.json');
  const claimCodeFile = path.join(folder, 'claim');
  const runtimeDir = path.join(folder, 'run');
  const ids = Array.from({ length: wish.apps ?? 1 }, (_, index) => (index === 0 ? 'idle' : `idle-${index}`));
  const apps = ids.map((id) => ({
    ...{ id, command: ['sleep', '1000000'], grants: ['storage', 'health.read'], quotaBytes: 2 ** 32 },
  }));
  await mkdir(folder, { recursive: true });
  if (wish.claim) await writeFile(claimCodeFile, `${wish.claim}\n`);
  const { est, caSha256 } = wish.territory ?? nowhere;
  const config = { dataDir: path.join(folder, 'data'), runtimeDir, claimCodeFile, apps };
  await writeFile(
    configFile,
    JSON.stringify({
      ...config,
      territory: { est, caSha256 },
      ...(wish.health ? { health: wish.health } : {}),
    }),
  );
  const socketPaths = ids.map((id) => path.join(runtimeDir, 'apps', id, 'api.sock'));
  const [socketPath = ''] = socketPaths;
  return {
    socketPath,
    socketPaths,
    async start() {
      const program = workshop.start([built('bin/webizen-agent.js'), '--config', configFile], asStarted);
      for (const one of socketPaths) await answering(one, '/v1/box');
      return program;
    },
  };
}
