/** The root filesystem as a directory: Debian's part, our files over it, the agent, an initrd. */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as esbuild from 'esbuild';
import { makeInitrd } from './initrd.js';
import { type Architecture, built, root, source } from './places.js';
import type { Publisher } from './publisher.js';
import { run } from './run.js';
import type { Tools } from './tools.js';

/** What came with packages and no box uses. */
const useless = [
  ...[
    'vmlinuz',
    'vmlinuz.old',
    'initrd.img',
    'initrd.img.old',
    'var/lib/dpkg/info',
    'usr/libexec/podman/podman-testing',
  ],
  ...['usr/lib/cni', 'usr/lib/podman/netavark-dhcp-proxy-client', 'usr/share/initramfs-tools', 'usr/lib/klibc'],
  ...[
    'usr/lib/udev/hwdb.d',
    'usr/share/perl5',
    'usr/share/bug',
    'etc/systemd/system/sockets.target.wants/netavark-dhcp-proxy.socket',
  ],
];
const uselessModules = [
  'drivers/gpu',
  'drivers/media',
  'drivers/infiniband',
  'drivers/isdn',
  'drivers/staging',
  'sound',
];

const enabled = {
  'multi-user.target.wants': ['webizen-agent.service', 'webizen-good.service'],
  'sysinit.target.wants': ['webizen-machine.service'],
};
const wanted = { 'sockets.target.wants': ['podman.socket'] };
/** Nobody logs in; what Debian does for a machine that is administered is not done. */
const masked = [
  ...[
    'getty.target',
    'autovt@.service',
    'systemd-firstboot.service',
    'systemd-machine-id-commit.service',
    'ldconfig.service',
  ],
  ...['systemd-hwdb-update.service', 'systemd-journal-catalog-update.service', 'systemd-update-done.service'],
  ...[
    'systemd-sysusers.service',
    'dpkg-db-backup.timer',
    'e2scrub_all.timer',
    'e2scrub_reap.service',
    'podman-restart.service',
  ],
  ...[
    'podman-auto-update.timer',
    'systemd-logind.service',
    'debug-shell.service',
    'netavark-dhcp-proxy.service',
    'netavark-dhcp-proxy.socket',
    'systemd-pstore.service',
  ],
];

/** classic-level as one file beside its native part, as its loader looks for it. */
async function classicLevel(home: string, architecture: Architecture): Promise<void> {
  const from = path.join(root, 'node_modules/classic-level');
  const prebuilds = `prebuilds/linux-${architecture === 'amd64' ? 'x64' : 'arm64'}`;
  const [native] = readdirSync(path.join(from, prebuilds)).filter((name) => !name.includes('musl'));
  if (native === undefined) throw new Error(`classic-level has nothing built for ${architecture}`);
  mkdirSync(path.join(home, prebuilds), { recursive: true });
  copyFileSync(path.join(from, prebuilds, native), path.join(home, prebuilds, native));
  copyFileSync(path.join(from, 'LICENSE'), path.join(home, 'LICENSE'));
  const entryPoints = [path.join(from, 'index.js')];
  const outfile = path.join(home, 'index.js');
  await esbuild.build({ entryPoints, outfile, bundle: true, platform: 'node', target: 'node20', format: 'cjs' });
}

async function agent(tree: string, architecture: Architecture, alliance: string): Promise<void> {
  const home = path.join(tree, 'usr/lib/webizen');
  mkdirSync(path.join(home, 'bin'), { recursive: true });
  copyFileSync(built('bin/webizen-agent.js'), path.join(home, 'bin/webizen-agent.js'));
  writeFileSync(path.join(home, 'package.json'), '{"type":"module"}\n');
  cpSync(built('owner'), path.join(home, 'owner'), { recursive: true });
  const level = path.join(home, 'node_modules/classic-level');
  await classicLevel(level, architecture);
  writeFileSync(path.join(level, 'package.json'), '{"name":"classic-level","main":"index.js"}\n');
  cpSync(alliance, path.join(home, 'alliance'), { recursive: true });
}

/** Modes are what git keeps: whether it can be run. */
function overlay(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) {
      mkdirSync(target, { recursive: true, mode: 0o755 });
      overlay(source, target);
    } else {
      copyFileSync(source, target);
      chmodSync(target, statSync(source).mode & 0o100 ? 0o755 : 0o644);
    }
  }
}

/** What runs is told by os-release(5): RAUC knows only what it has installed itself. */
function release(tree: string, architecture: Architecture, version: string): void {
  const file = path.join(tree, 'usr/lib/os-release');
  const text = `IMAGE_ID=webizen-${architecture}\nIMAGE_VERSION=${version}\n`;
  writeFileSync(file, `${readFileSync(file, 'utf8').trimEnd()}\n${text}`);
}

function units(tree: string): void {
  const home = path.join(tree, 'etc/systemd/system');
  const link = (to: string, name: string): void => {
    mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    rmSync(path.join(home, name), { force: true });
    symlinkSync(to, path.join(home, name));
  };
  for (const [target, names] of Object.entries(enabled))
    for (const name of names) link(`../${name}`, `${target}/${name}`);
  for (const [target, names] of Object.entries(wanted))
    for (const name of names) link(`/usr/lib/systemd/system/${name}`, `${target}/${name}`);
  for (const name of masked) link('/dev/null', name);
}

/** Everything as if made at the index's time: mke2fs takes the times as they are. */
export function clampTimes(directory: string, seconds: number): void {
  for (const name of readdirSync(directory)) {
    const place = path.join(directory, name);
    const status = lstatSync(place);
    if (status.isDirectory()) clampTimes(place, seconds);
    lutimesSync(place, seconds, seconds);
  }
}

export interface TreeParts {
  architecture: Architecture;
  version: string;
  /** Debian's part, a tar. */
  base: string;
  /** Holds keys.json and directory.jws: what the box pins. */
  alliance: string;
  /** Whose updates are taken. */
  publisher: Publisher;
  tools: Tools;
}

/** Makes it anew below `home`, and answers its path. Root is needed: files have their owners. */
export async function makeTree(home: string, parts: TreeParts): Promise<string> {
  const { architecture, version, base, alliance, publisher, tools } = parts;
  const tree = path.join(home, 'tree');
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  run('tar', ['--extract', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-f', base, '-C', tree]);
  for (const name of useless) rmSync(path.join(tree, name), { recursive: true, force: true });
  const modules = path.join(tree, 'usr/lib/modules');
  for (const kernel of readdirSync(modules)) {
    for (const name of uselessModules)
      rmSync(path.join(modules, kernel, 'kernel', name), { recursive: true, force: true });
    tools.run('depmod', ['-b', tree, kernel]);
  }
  for (const name of readdirSync(path.join(tree, 'boot'))) {
    const place = path.join(tree, 'boot', name);
    if (name.startsWith('vmlinuz-')) renameSync(place, path.join(tree, 'boot/vmlinuz'));
    else rmSync(place, { recursive: true });
  }
  overlay(source('overlay'), tree);
  const system = path.join(tree, 'etc/rauc/system.conf');
  writeFileSync(
    system,
    readFileSync(system, 'utf8')
      .replaceAll('@ARCHITECTURE@', architecture)
      .replace(/^# .* is filled in.*\n/, ''),
  );
  for (const name of ['data', 'boot/esp']) mkdirSync(path.join(tree, name), { recursive: true });
  await agent(tree, architecture, alliance);
  copyFileSync(publisher.keyringFile, path.join(tree, 'usr/lib/webizen/publisher.pem'));
  copyFileSync(publisher.keysFile, path.join(tree, 'usr/lib/webizen/publisher-keys.json'));
  writeFileSync(path.join(tree, 'etc/subuid'), 'containers:2147483647:2147483648\n');
  writeFileSync(path.join(tree, 'etc/subgid'), 'containers:2147483647:2147483648\n');
  const resolver = path.join(tree, 'etc/resolv.conf');
  rmSync(resolver, { force: true });
  symlinkSync('/run/NetworkManager/resolv.conf', resolver);
  rmSync(path.join(tree, 'etc/hostname'), { force: true }); // usr/lib/webizen/machine names it
  writeFileSync(path.join(tree, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  release(tree, architecture, version);
  units(tree);
  if (existsSync(path.join(tree, 'etc/machine-id'))) writeFileSync(path.join(tree, 'etc/machine-id'), '');
  makeInitrd(architecture, tree, tools);
  clampTimes(tree, tools.epochSeconds);
  lutimesSync(tree, tools.epochSeconds, tools.epochSeconds);
  return tree;
}
