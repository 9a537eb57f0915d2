/** Podman's service with a store of its own: nothing touches what podman holds on the machine. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ownFolder } from './folder.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface TestPodman {
  socketPath: string;
  folder: string;
  /** Containers run on without it. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Of the service that runs. */
  pid(): number;
  /** Resolves when it has ended, by whomever. */
  ended(): Promise<void>;
  /** First processes of containers, whether or not podman knows of them. */
  running(): Promise<number[]>;
  /** What is mounted for it, the innermost first. */
  mounts(): Promise<string[]>;
  /** The command on the same store. */
  run(...parameters: string[]): string;
}

async function listens(socket: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`podman's service ended with code ${child.exitCode}`);
    const there = await new Promise<boolean>((resolve) => {
      const tried = connect(socket, () => resolve(true)).on('error', () => resolve(false));
      tried.on('connect', () => tried.destroy());
    });
    if (there) return;
    await delay(25); // a look, not an event
  }
}

const processes = async (): Promise<number[]> =>
  (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
/** With a NUL behind each part; empty for a process that is gone. */
const commandOf = (pid: number): Promise<string> => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');

/** Those whose command line names the folder. */
async function processesOf(folder: string): Promise<number[]> {
  const pids = await processes();
  const lines = await Promise.all(pids.map(commandOf));
  return pids.filter((_, at) => lines[at]?.includes(`${folder}/`));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}

/** What is mounted under the folder, the innermost first. */
async function mountsUnder(folder: string): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  return mounts.filter((place) => place.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length);
}

export async function testPodman(t: Teardown): Promise<TestPodman> {
  const folder = await ownFolder(t);
  const socketPath = path.join(folder, 'podman.sock');
  const temporary = path.join(folder, 'temporary');
  await mkdir(temporary);
  const store = [
    ...['--root', path.join(folder, 'root'), '--runroot', path.join(folder, 'runroot')],
    ...['--tmpdir', path.join(folder, 'libpod'), '--storage-driver', 'overlay', '--events-backend', 'none'],
    // crun cannot run where control groups are of the first version or mixed.
    ...['--runtime', existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'crun' : 'runc'],
    // As on a box, where systemd is what keeps the control groups.
    ...['--cgroup-manager', existsSync('/run/systemd/system') ? 'systemd' : 'cgroupfs', '--log-level', 'error'],
  ];
  // For so long podman keeps two processes of its own after each command inside a container: five minutes unless told.
  const settings = path.join(folder, 'containers.conf');
  await writeFile(settings, '[engine]\nexit_command_delay = 5\n');
  const env = { CONTAINERS_CONF: settings, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder, TMPDIR: temporary };
  const run = (...parameters: string[]): string =>
    execFileSync('podman', [...store, ...parameters], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const log = await open(path.join(folder, 'service.log'), 'a');
  let service: ChildProcess | undefined;

  const started: TestPodman = {
    socketPath,
    folder,
    run,
    async start() {
      await rm(socketPath, { force: true }); // a child of one that was killed may still hold it
      const child = spawn('podman', [...store, 'system', 'service', '--time', '0', `unix://${socketPath}`], {
        env,
        cwd: folder, // where it writes down who ran out of memory
        stdio: ['ignore', 'ignore', log.fd],
      });
      service = child;
      await listens(socketPath, child);
    },
    pid: () => service?.pid ?? 0,
    async ended() {
      if (service && service.exitCode === null && service.signalCode === null) await once(service, 'exit');
    },
    mounts: () => mountsUnder(folder),
    async running() {
      const found: number[] = [];
      for (const pid of await processes()) {
        // Those of commands inside have no init.
        if (!(await commandOf(pid)).startsWith('/run/podman-init\0')) continue;
        const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        if ((await commandOf(parent)).includes(`${folder}/`)) found.push(pid);
      }
      return found;
    },
    async stop() {
      const child = service;
      service = undefined;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGKILL'); // with SIGTERM it waits for requests that have no end
      await exit;
    },
  };
  t.teardown(async () => {
    await started.stop();
    run('rm', '--all', '--force', '--time', '0');
    // What still waits for the end of a command would make the store anew.
    for (const pid of await processesOf(folder)) kill(pid);
    await log.close();
    for (const place of await mountsUnder(folder)) execFileSync('umount', ['-l', place]);
  });
  await started.start();
  return started;
}
