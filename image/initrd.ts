/** The initrd: busybox, the drivers of what a root may lie on, and `boot/init`. Made here, in a second and the same each time. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type Architecture, source } from './places.js';
import type { Tools } from './tools.js';

// ext4 asks for crc32c by its name: modules.dep does not say so.
const everywhere = [
  'crc32c_generic',
  'ext4',
  'overlay',
  'virtio_blk',
  'virtio_pci',
  'virtio_scsi',
  'sd_mod',
  'nvme',
  'usb-storage',
  'uas',
  'xhci-pci',
  'mmc_block',
];
const drivers: Record<Architecture, string[]> = {
  amd64: [...everywhere, 'ahci', 'ehci-pci', 'sdhci-pci', 'sdhci-acpi'],
  arm64: [
    ...everywhere,
    'virtio_mmio',
    // The Raspberry Pi 4's card hangs on two regulators: without these its driver waits for ever.
    'fixed',
    'gpio-regulator',
    'sdhci-iproc',
    'sdhci-brcmstb',
    'bcm2835',
    'pcie-brcmstb',
    'reset-raspberrypi',
    'xhci-plat-hcd',
    'raspberrypi-hwmon',
    'phy-generic',
  ],
};

const nameOf = (file: string): string =>
  path
    .basename(file)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');

/**
 * Modules with what they need, each behind what it needs (modules.dep of kmod). One that is built into the kernel, or that
 * this kernel does not know, is left out.
 */
export function loadOrder(modulesDep: string, wanted: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  const byName = new Map<string, string>();
  for (const line of modulesDep.split('\n')) {
    const [file, more = ''] = line.split(':');
    if (!file) continue;
    needs.set(file, more.split(' ').filter(Boolean));
    byName.set(nameOf(file), file);
  }
  const order = new Set<string>();
  const take = (file: string): void => {
    if (order.has(file)) return;
    for (const needed of needs.get(file) ?? []) take(needed);
    order.add(file);
  };
  for (const name of wanted) {
    const file = byName.get(name.replaceAll('-', '_'));
    if (file !== undefined) take(file);
  }
  return [...order];
}

/** Writes `boot/initrd` into the tree. */
export function makeInitrd(architecture: Architecture, tree: string, tools: Tools): void {
  const modules = path.join(tree, 'usr/lib/modules');
  const [kernel, ...more] = readdirSync(modules);
  if (kernel === undefined || more.length > 0)
    throw new Error(`cannot tell which kernel is meant: ${readdirSync(modules)}`);
  const home = path.join(tree, '..', 'initrd');
  rmSync(home, { recursive: true, force: true });
  for (const name of ['bin', 'dev', 'proc', 'sys', 'root', 'modules'])
    mkdirSync(path.join(home, name), { recursive: true });

  const order = loadOrder(readFileSync(path.join(modules, kernel, 'modules.dep'), 'utf8'), drivers[architecture]);
  const files = order.map((file) => {
    const packed = path.join(home, 'modules', path.basename(file));
    copyFileSync(path.join(modules, kernel, file), packed);
    return packed;
  });
  if (files.length > 0) tools.run('xz', ['--decompress', ...files.filter((file) => file.endsWith('.xz'))]);
  writeFileSync(
    path.join(home, 'modules/order'),
    order.map((file) => `${path.basename(file).replace(/\.xz$/, '')}\n`).join(''),
  );

  const busybox = path.join(home, 'bin/busybox');
  copyFileSync(path.join(tree, 'usr/bin/busybox'), busybox);
  chmodSync(busybox, 0o755);
  for (const name of [
    'sh',
    'mount',
    'umount',
    'insmod',
    'sed',
    'grep',
    'head',
    'sleep',
    'mkdir',
    'echo',
    'switch_root',
  ])
    symlinkSync('busybox', path.join(home, 'bin', name));
  copyFileSync(source('boot/init'), path.join(home, 'init'));
  chmodSync(path.join(home, 'init'), 0o755);

  const entries = readdirSync(home, { recursive: true }).map(String).toSorted();
  for (const entry of entries) lutimesSync(path.join(home, entry), tools.epochSeconds, tools.epochSeconds);
  const archive = path.join(tree, 'boot/initrd');
  rmSync(archive, { force: true });
  const script = 'cd "$1" && LC_ALL=C cpio --reproducible --owner=0:0 -H newc -o --quiet | xz --check=crc32 -T1 > "$2"';
  tools.run('sh', ['-c', script, 'sh', home, archive], `${entries.join('\n')}\n`);
  if (!existsSync(archive)) throw new Error('cannot make the initrd');
}
