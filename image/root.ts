/** Debian's part of the root filesystem as a tar, kept by the digest of what it is made from: the slow part of a build. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { digestOf } from './fetch.js';
import type { Lock } from './lock.js';
import { type Architecture, cached } from './places.js';
import { repository } from './repository.js';
import { run } from './run.js';

/** What no box needs; licences stay. */
const excluded = [
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/man/*',
  '/usr/share/locale/*',
  '/usr/share/lintian/*',
  '/usr/share/bash-completion/*',
  '/usr/share/fish/*',
  '/usr/share/zsh/*',
  '/usr/share/nodejs/corepack/*',
  '/usr/lib/linux-image-*/*', // device trees: the Raspberry Pi's alone
];
const included = ['/usr/share/doc/*/copyright', '/usr/lib/linux-image-*/broadcom', '/usr/lib/linux-image-*/broadcom/*'];

const options = [
  '--variant=essential',
  '--format=tar',
  ...excluded.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
  ...included.map((pattern) => `--dpkgopt=path-include=${pattern}`),
  '--customize-hook=rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt "$1"/etc/ssh "$1"/var/lib/systemd/random-seed',
  '--customize-hook=for name in machine-id resolv.conf hostname; do : > "$1/etc/$name"; done',
];

/** The tar's path, made where it is not there yet. */
export function baseRoot(architecture: Architecture, lock: Lock): string {
  const packages = lock.packages.filter((one) => one.section === 'root');
  const file = cached('roots', `${architecture}-${digestOf(packages, ...options)}.tar`);
  if (existsSync(file)) return file;
  const { line, names } = repository(`root-${architecture}`, packages);
  const part = `${file}.part`;
  rmSync(part, { force: true });
  // INITRD: we make our own. The kernel's package would have one built under emulation.
  const env = { SOURCE_DATE_EPOCH: String(lock.epochSeconds), INITRD: 'No', LC_ALL: 'C.UTF-8' };
  const include = `--include=${names.join(',')}`;
  run('mmdebstrap', [...options, include, `--architectures=${architecture}`, 'trixie', part, line], { env });
  renameSync(part, file);
  return file;
}
