/** Debian's PostgreSQL: a cluster of the test's own, on a free port of the loopback, that a test may kill and start again. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ownFolder } from './folder.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface TestPostgres {
  readonly port: number;
  readonly folder: string;
  /** `postgres://webizen:…@127.0.0.1:port/name` */
  url(database?: string): string;
  /** Makes an empty database and answers its URL. */
  create(database: string): string;
  /** What psql answers to a statement, unadorned: columns apart by `|`. */
  ask(database: string, statement: string): string;
  /** Resolves when it takes connections, recovered from whatever came before. */
  start(): Promise<void>;
  /** In order: sessions are ended, everything is on the disk. */
  stop(): Promise<void>;
  /** SIGKILL to it and all that it started. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

const user = 'webizen';
const isRoot = process.getuid?.() === 0;
const numberOf = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
/** It refuses to run as root. */
const identity = isRoot ? { uid: numberOf('-u'), gid: numberOf('-g') } : {};

async function programs(): Promise<string> {
  const versions = await readdir('/usr/lib/postgresql');
  const newest = versions.sort((a, b) => Number(a) - Number(b)).at(-1);
  if (newest === undefined) throw new Error('PostgreSQL is not installed');
  return path.join('/usr/lib/postgresql', newest, 'bin');
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('cannot find a free port');
  return address.port;
}

/** Each backend is a child that outlives a killed parent for a moment, and holds its memory. */
async function childrenOf(pid: number): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid) found.push(Number(entry));
  }
  return found;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone by itself
  }
}

/** @param settings of `postgresql.conf`, beside the usual ones: `{ fsync: 'off' }` */
export async function testPostgres(t: Teardown, settings: Record<string, string> = {}): Promise<TestPostgres> {
  const bin = await programs();
  const folder = await ownFolder(t);
  if (isRoot) execFileSync('chown', ['postgres:', folder]);
  await chmod(folder, 0o755);
  const data = path.join(folder, 'd');
  const password = randomBytes(12).toString('hex');
  const passwordFile = path.join(folder, 'password');
  await writeFile(passwordFile, password);
  const init = ['-D', data, '-U', user, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-N', '-E', 'UTF8'];
  execFileSync(path.join(bin, 'initdb'), [...init, '--locale=C'], { stdio: 'ignore', cwd: folder, ...identity });
  const port = await freePort();
  const set = { shared_buffers: '64MB', max_connections: '60', ...settings };
  const args = ['-D', data, '-k', folder, '-h', '127.0.0.1', '-p', String(port)];
  for (const [name, value] of Object.entries(set)) args.push('-c', `${name}=${value}`);

  let server: ChildProcess | undefined;
  const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;
  const url = (database = 'postgres') => `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
  const psql = (database: string, statement: string) =>
    execFileSync(path.join(bin, 'psql'), ['-X', '-q', '-A', '-t', '-d', url(database), '-c', statement], {
      encoding: 'utf8',
      cwd: folder,
    }).trim();

  async function end(name: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const child = server;
    server = undefined;
    if (!child?.pid || hasEnded(child)) return;
    // While it stands still it has no more of them.
    if (name === 'SIGKILL') child.kill('SIGSTOP');
    const children = name === 'SIGKILL' ? await childrenOf(child.pid) : [];
    const exit = once(child, 'exit');
    child.kill(name); // SIGINT is its fast shutdown
    for (const pid of children) signal(pid, 'SIGKILL');
    await exit;
    // What was reaped by init is no more; what is not yet holds the shared memory.
    while ((await Promise.all(children.map(isThere))).some(Boolean))
      await new Promise((resolve) => setTimeout(resolve, 5)); // a look, not an event
  }

  async function start(): Promise<void> {
    if (server && !hasEnded(server)) return;
    const child = spawn(path.join(bin, 'postgres'), args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: folder,
      ...identity,
    });
    server = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      if (!line.includes('ready to accept connections')) continue;
      child.stderr.resume();
      return;
    }
    throw new Error(`PostgreSQL does not start: ${said.slice(-5).join('; ')}`);
  }

  t.teardown(() => end('SIGKILL'));
  await start();
  return {
    port,
    folder,
    url,
    create(database) {
      psql('postgres', `CREATE DATABASE "${database}"`);
      return url(database);
    },
    ask: psql,
    start,
    stop: () => end('SIGINT'),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGINT');
      await start();
    },
  };
}

const isThere = (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/\) [ZX] /.test(stat),
    () => false,
  );
