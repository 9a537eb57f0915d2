/** The EFI system partition: GRUB, its configuration and state; for arm64 also the Raspberry Pi's firmware, U-Boot, device trees. */
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { debOf } from './fetch.js';
import { mebi, partitions, volumeId } from './layout.js';
import type { Lock } from './lock.js';
import { type Architecture, source } from './places.js';
import { run } from './run.js';
import type { Tools } from './tools.js';
import { clampTimes } from './tree.js';

/** GRUB's environment block: 1024 bytes, filled up with #. */
export function environmentBlock(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  const text = `# GRUB Environment Block\n${lines.join('')}`;
  if (text.length > 512) throw new Error('cannot write an environment block that is longer than a sector');
  return text.padEnd(1024, '#');
}

export function makeEsp(home: string, architecture: Architecture, lock: Lock, tree: string, tools: Tools): string {
  const [unpacked, esp, file] = ['boot', 'esp', 'esp.img'].map((name) => path.join(home, name)) as [
    string,
    string,
    string,
  ];
  for (const place of [unpacked, esp, file]) rmSync(place, { recursive: true, force: true });
  mkdirSync(unpacked);
  for (const { sha256, section } of lock.packages)
    if (section === 'boot') run('dpkg-deb', ['--extract', debOf(sha256), unpacked]);
  const place = (name: string): string => {
    const target = path.join(esp, name);
    mkdirSync(path.dirname(target), { recursive: true });
    return target;
  };
  const grub = architecture === 'amd64' ? ['x86_64-efi', 'grubx64', 'BOOTX64'] : ['arm64-efi', 'grubaa64', 'BOOTAA64'];
  copyFileSync(
    path.join(unpacked, `usr/lib/grub/${grub[0]}/monolithic/${grub[1]}.efi`),
    place(`EFI/BOOT/${grub[2]}.EFI`),
  );
  copyFileSync(source('boot/grub.cfg'), place('EFI/debian/grub.cfg'));
  copyFileSync(source('boot/choose.cfg'), place('EFI/debian/choose-a.cfg'));
  writeFileSync(place('EFI/debian/boot.env'), environmentBlock({ USE: 'a', TRY: '' }));
  writeFileSync(
    place('EFI/debian/grubenv'),
    environmentBlock({ ORDER: 'A B', A_OK: '1', A_TRY: '0', B_OK: '0', B_TRY: '0' }),
  );
  writeFileSync(place('EFI/debian/good.env'), environmentBlock({ GOOD: 'A' }));
  if (architecture === 'arm64') {
    const firmware = path.join(unpacked, 'usr/lib/raspi-firmware');
    for (const name of readdirSync(firmware))
      if (/^(bootcode\.bin|(start|fixup)4?\.(elf|dat))$/.test(name))
        copyFileSync(path.join(firmware, name), place(name));
    copyFileSync(path.join(unpacked, 'usr/lib/u-boot/rpi_arm64/u-boot.bin'), place('u-boot.bin'));
    copyFileSync(source('boot/config.txt'), place('config.txt'));
    for (const directory of readdirSync(path.join(tree, 'usr/lib')).filter((name) => name.startsWith('linux-image-')))
      cpSync(path.join(tree, 'usr/lib', directory, 'broadcom'), esp, { recursive: true });
  }
  clampTimes(esp, tools.epochSeconds);
  const sizeMiB = partitions(architecture).find((one) => one.label === 'webizen-esp')?.sizeMiB ?? 0;
  writeFileSync(file, '');
  run('truncate', ['--size', String(sizeMiB * mebi), file]);
  tools.run('mkfs.vfat', ['--invariant', '-F', '32', '-i', volumeId, '-n', 'WEBIZEN', file]);
  const entries = readdirSync(esp)
    .toSorted()
    .map((name) => path.join(esp, name));
  tools.run('mcopy', ['-i', file, '-s', '-p', '-m', '-Q', ...entries, '::']);
  return file;
}
