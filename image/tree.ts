/** The root filesystem as a directory: Debian's part, our files over it, the agent, an initrd. */
import {
  chmodSync,
  copyFileSync,
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
import { putAgent } from './agent.js';
import { makeInitrd } from './initrd.js';
import { makeNodeBase } from './node-base.js';
import { type Architecture, source } from './places.js';
import type { Publisher } from './publisher.js';
import { run } from './run.js';
import type { Tools } from './tools.js';
import { units } from './units.js';

/** What came with packages and no box uses. */
const useless = [
  'etc/systemd/system/sockets.target.wants/netavark-dhcp-proxy.socket',
  'initrd.img',
  'initrd.img.old',
  'usr/lib/cni',
  'usr/lib/klibc',
  'usr/lib/podman/netavark-dhcp-proxy-client',
  'usr/lib/udev/hwdb.d',
  'usr/libexec/podman/podman-testing',
  'usr/share/bug',
  'usr/share/initramfs-tools',
  'usr/share/perl5',
  'var/lib/dpkg/info',
  'vmlinuz',
  'vmlinuz.old',
];
const uselessModules = [
  'drivers/gpu',
  'drivers/media',
  'drivers/infiniband',
  'drivers/isdn',
  'drivers/staging',
  'sound',
];

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
  /** Where the layer that Node apps share is left for their makers. */
  nodeBase: string;
  /** Whose updates are taken. */
  publisher: Publisher;
  tools: Tools;
}

/** Makes it anew below `home`, and answers its path. Root is needed: files have their owners. */
export async function makeTree(home: string, parts: TreeParts): Promise<string> {
  const { architecture, version, base, alliance, nodeBase, publisher, tools } = parts;
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
  // What the boot partition is to hold of it: usr/lib/webizen/boot-parts takes it there.
  copyFileSync(source('boot/choose.cfg'), path.join(tree, 'usr/lib/webizen/choose.cfg'));
  for (const name of ['data', 'boot/esp']) mkdirSync(path.join(tree, name), { recursive: true });
  await putAgent(tree, architecture, alliance);
  await makeNodeBase(nodeBase, architecture, tree);
  copyFileSync(publisher.keyringFile, path.join(tree, 'usr/lib/webizen/publisher.pem'));
  copyFileSync(publisher.keysFile, path.join(tree, 'usr/lib/webizen/publisher-keys.json'));
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
