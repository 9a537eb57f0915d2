/**
 * What stands around an app on a developer's machine. Both ways run `<folder>/app` as an image has it at `/app`, and the
 * Node that runs this in place of the image's `/usr/bin/node`.
 */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { Type } from 'typebox';
import { parseJson } from '#contract/parse.js';
import type { Places, Surroundings } from './process-engine.js';
import type { RunApp } from './runner.js';
import { environmentOf, limits, runInside, socketInside } from './spec.js';

export interface Folders {
  /** The app's folder, with `app/` in it. */
  folder: string;
  /** A Node executable. */
  node: string;
}

const baseNode = '/usr/bin/node';
const appInside = '/app';

/** A plain child process: it sees and may do all that its developer may. */
export function plain({ folder, node }: Folders): Surroundings {
  const files = path.join(folder, 'app');
  const here = (word: string): string =>
    word === appInside || word.startsWith(`${appInside}/`) ? `${files}${word.slice(appInside.length)}` : word;
  const launchOf = (app: RunApp, { run, tmp }: Places, [program = '', ...rest]: readonly string[]) => ({
    id: app.id,
    command: [program === baseNode ? node : here(program), ...rest.map(here)],
    directory: files,
    environment: {
      ...environmentOf(app.manifest),
      ...(app.manifest.run.environment?.HOME === undefined ? { HOME: tmp, TMPDIR: tmp } : {}),
      WEBIZEN_SOCKET: path.join(app.socketDirectory, 'api.sock'),
      WEBIZEN_RUN: run,
    },
  });
  return {
    sandbox: 'none',
    launch: (app, places) => launchOf(app, places, app.manifest.run.command),
    ask: (pid) => send(pid, 'SIGTERM'),
    beside: (app, places) => ({ launch: (command) => launchOf(app, places, command), run: places.run }),
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended meanwhile
  }
}

/** That init hands no signal on. Before it has a child nothing has begun, and nothing is lost. */
function askBelow(init: number): void {
  let children = '';
  try {
    children = readFileSync(`/proc/${init}/task/${init}/children`, 'utf8');
  } catch {
    return; // it has ended meanwhile
  }
  const [first] = children.split(' ').filter(Boolean);
  if (first === undefined) send(init, 'SIGKILL');
  else send(Number(first), 'SIGTERM');
}

const nodeInside = '/opt/webizen/node';
/** Read-only from the machine, so that what an image would bring is there: shell, libraries, interpreters. */
const shared = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/usr'];
/** How the loader and Debian's alternatives find things; whom to trust, for TLS through a tunnel. */
const settings = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/ssl/certs', '/etc/localtime'];
const devices = ['null', 'zero', 'full', 'random', 'urandom'];

/** Merged directories are links on most machines, folders on some, and not there on others. */
function systemOf(place: string): string[] {
  try {
    return lstatSync(place).isSymbolicLink() ? ['--symlink', readlinkSync(place), place] : ['--ro-bind', place, place];
  } catch {
    return [];
  }
}

const pageBytes = 4096;
const disk = (place: string, sizeBytes: number): string[] => [
  ...['--size', String(sizeBytes), '--perms', '1777'],
  ...['--tmpfs', place],
];

const Told = Type.Object({ 'child-pid': Type.Integer({ minimum: 2 }) });

/** bubblewrap(1) tells with `--info-fd` the process id of the sandbox's init. */
async function initOf(told: AsyncIterable<Uint8Array>): Promise<number> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of told) chunks.push(chunk);
  const read = parseJson(Told, Buffer.concat(chunks));
  if (!read.ok) throw new Error('bubblewrap did not say what it started');
  return read.value['child-pid'];
}

/**
 * bubblewrap's namespaces: no network, no files of the developer's but the app's own, read-only. It ends with whoever
 * started it. There is no second user namespace inside (`--dev` would make one), so that health commands can join.
 */
export function bubblewrap({ folder, node }: Folders): Surroundings {
  const inside = ([program = '', ...rest]: readonly string[]): string[] => [
    program === baseNode ? nodeInside : program,
    ...rest,
  ];
  const environment = (app: RunApp) => ({
    ...environmentOf(app.manifest),
    WEBIZEN_SOCKET: `${socketInside}/api.sock`,
    WEBIZEN_RUN: runInside,
  });

  /** Of bubblewrap and nsenter themselves: what a manifest says of PATH is the app's alone. */
  const own = { PATH: '/usr/local/bin:/usr/bin:/bin' };

  function sandbox(app: RunApp): string[] {
    return [
      '--clearenv',
      ...Object.entries(environment(app)).flatMap(([name, value]) => ['--setenv', name, value]),
      ...['--unshare-user', '--uid', '1000', '--gid', '1000', '--unshare-pid', '--unshare-ipc', '--unshare-uts'],
      ...['--unshare-net', '--unshare-cgroup-try', '--hostname', 'app', '--new-session', '--die-with-parent'],
      ...shared.flatMap(systemOf),
      ...settings.flatMap((place) => ['--ro-bind-try', place, place]),
      ...['--proc', '/proc', '--tmpfs', '/dev'],
      ...devices.flatMap((name) => ['--dev-bind', `/dev/${name}`, `/dev/${name}`]),
      ...['--symlink', '/proc/self/fd', '/dev/fd'],
      ...disk('/dev/shm', limits.sharedMemoryBytes),
      ...disk('/tmp', limits.tmpPages * pageBytes),
      ...disk(runInside, limits.runPages * pageBytes),
      ...['--ro-bind', app.socketDirectory, socketInside],
      ...['--ro-bind', node, nodeInside, '--ro-bind', path.join(folder, 'app'), appInside],
      ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/', '--info-fd', '3', '--'],
    ];
  }

  return {
    sandbox: 'bubblewrap',
    launch: (app) => ({
      id: app.id,
      command: ['bwrap', ...sandbox(app), ...inside(app.manifest.run.command)],
      directory: '/',
      environment: own,
    }),
    firstOf: initOf,
    ask: askBelow,
    beside: (app, _places, init) => ({
      launch: (command) => ({
        id: app.id,
        command: [
          ...['nsenter', '--target', String(init), '--user', '--preserve-credentials', '--mount', '--pid', '--net'],
          ...['--ipc', '--uts', '--root', '--wd', '--', '/usr/bin/env', '-i'],
          ...Object.entries(environment(app)).map(([name, value]) => `${name}=${value}`),
          ...inside(command),
        ],
        directory: '/',
        environment: own,
      }),
      run: `/proc/${init}/root${runInside}`,
    }),
  };
}
