/** A machine that starts from an image: QEMU, emulated; its serial line is kept. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Architecture } from '../../image/places.js';

export interface Machine {
  serial(): string;
  /** As if the plug were pulled. */
  cut(): Promise<void>;
  ended(): boolean;
}

const offset = '@@1M'; // of the boot partition, first on the disk

/** A card with the image on it, larger than the image. What the person who prepared it wrote goes onto the boot partition. */
export function makeCard(image: string, card: string, sizeGiB: number, written: Record<string, string>): void {
  execFileSync('cp', ['--sparse=always', image, card]);
  execFileSync('truncate', ['--size', `${sizeGiB}G`, card]);
  for (const [name, text] of Object.entries(written)) writeOnBootPartition(card, name, text);
}

/** While no machine runs from it. */
export function writeOnBootPartition(card: string, name: string, text: string): void {
  const file = `${card}.written`;
  writeFileSync(file, text);
  execFileSync('mcopy', ['-o', '-i', `${card}${offset}`, file, `::${name}`]);
}

/** A file of the boot partition. */
export const onBootPartition = (card: string, name: string): string =>
  execFileSync('mtype', ['-i', `${card}${offset}`, `::${name}`], { encoding: 'latin1' });

function firmware(architecture: Architecture, home: string): string[] {
  if (architecture === 'arm64') return ['-bios', '/usr/lib/u-boot/qemu_arm64/u-boot.bin'];
  const variables = path.join(home, 'variables.fd');
  if (!existsSync(variables)) copyFileSync('/usr/share/OVMF/OVMF_VARS.fd', variables);
  return [
    ...['-drive', 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd'],
    ...['-drive', `if=pflash,format=raw,file=${variables}`],
  ];
}

const kinds: Record<Architecture, string[]> = {
  amd64: ['qemu-system-x86_64', '-M', 'q35', '-cpu', 'max'],
  arm64: ['qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a72'],
};

export interface Start {
  architecture: Architecture;
  /** Where its logs go, by this name. */
  home: string;
  name: string;
  card: string;
  /** Of this machine's loopback; leads to the guest's port 443. */
  port: number;
}

export function start({ architecture, home, name, card, port }: Start): Machine {
  const log = path.join(home, `${name}.serial.log`);
  const [program = '', ...kind] = kinds[architecture];
  const args = [
    ...[...kind, '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '1024'],
    ...['-display', 'none', '-monitor', 'none', '-serial', `file:${log}`],
    ...firmware(architecture, home),
    ...['-drive', `if=virtio,format=raw,file=${card}`],
    // Not QEMU's usual network: in that one the host's address stands for its loopback.
    ...['-netdev', `user,id=lan,net=192.168.77.0/24,hostfwd=tcp:127.0.0.1:${port}-:443`],
    ...['-device', 'virtio-net-pci,netdev=lan', '-device', 'virtio-rng-pci'],
  ];
  const output = openSync(path.join(home, `${name}.qemu.log`), 'w');
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  return {
    serial: () => (existsSync(log) ? readFileSync(log, 'latin1') : ''),
    ended,
    async cut() {
      if (ended()) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
