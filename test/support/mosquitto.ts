/** Debian's mosquitto with the very configuration that `broker config mosquitto` writes, and the helper beside it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { OutsideConfig } from '../../provisioning/brokers.js';
import { ownFolder } from './folder.js';
import { command, freePortBase, runCommand } from './provider.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface TestMosquitto {
  outside: OutsideConfig;
  folder: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  helper: { start(): Promise<void>; stop(): Promise<void> };
}

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const isRoot = process.getuid?.() === 0;
const user = isRoot ? 'mosquitto' : execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();

/** In a network of its own. */
export interface Elsewhere {
  /** Addresses that it is reached by, the test's own first. */
  hosts: readonly [string, ...string[]];
  /** What a command is put behind to run there. */
  run: readonly string[];
}

async function listens(host: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const socket = connect(port, host);
    const there = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 25)); // a look, not an event
  }
  throw new Error('mosquitto does not listen');
}

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

export async function testMosquitto(
  t: Teardown,
  directory: string,
  protocolVersion: 4 | 5 = 4,
  elsewhere?: Elsewhere,
): Promise<TestMosquitto> {
  const host = elsewhere?.hosts[0] ?? '127.0.0.1';
  const hosts = (elsewhere?.hosts ?? [host]).flatMap((one) => ['--host', one]);
  const parent = await ownFolder(t);
  await chmod(parent, 0o711);
  const folder = path.join(parent, 'm');
  const port = await freePortBase();
  const made = runCommand('webizen-provider', [
    ...['broker', 'config', 'mosquitto', '--dir', directory, '--out', folder, ...hosts],
    ...['--port', String(port), '--bind', elsewhere ? '0.0.0.0' : host, '--user', user],
  ]);
  if (made.status !== 0) throw new Error(made.stderr);
  if (isRoot) execFileSync('chown', ['-R', `${user}:`, folder]);
  let broker: ChildProcess | undefined;
  let helper: ChildProcess | undefined;

  const mosquitto: TestMosquitto = {
    folder,
    outside: { url: `mqtts://${host}:${port}`, protocolVersion, helper: `https://127.0.0.1:${port + 1}` },
    async start() {
      const [name = '', ...args] = [...(elsewhere?.run ?? []), 'mosquitto', '-c', path.join(folder, 'mosquitto.conf')];
      broker = spawn(name, args, { env, stdio: 'ignore' });
      await listens(host, port);
    },
    async stop() {
      await ended(broker, 'SIGTERM');
      broker = undefined;
    },
    helper: {
      async start() {
        const args = ['broker', 'helper', '--at', folder, '--host', '127.0.0.1', '--port', String(port + 1)];
        const child = spawn(
          process.execPath,
          [command('webizen-provider'), ...args, '--broker', `mqtts://127.0.0.1:${port}`],
          { stdio: ['ignore', 'pipe', 'ignore'] },
        );
        helper = child;
        for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
        child.stdout.resume();
      },
      async stop() {
        await ended(helper, 'SIGTERM');
        helper = undefined;
      },
    },
  };
  t.teardown(async () => {
    await ended(helper, 'SIGKILL');
    await ended(broker, 'SIGKILL');
  });
  await mosquitto.start();
  if (!elsewhere) await mosquitto.helper.start();
  return mosquitto;
}
