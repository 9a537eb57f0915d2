/** A machine that starts from an image: QEMU, emulated; its serial line is kept, and a test may speak to it as root. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Architecture } from '../../image/places.js';
import { onBootPartition, writeOnBootPartition } from './card.js';
import { shellCredentials, shellDevices, shellWords, told } from './credentials.js';
import { openShell, type Ran, type RunLimits } from './shell.js';

export interface Machine {
  serial(): string;
  /** A shell script, by bash as root, in the guest; what it prints, both streams. Waits for the guest to be that far. @throws Error when the machine ends or is restarted meanwhile, or takes longer than its limit */
  run(script: string, limits?: RunLimits): Promise<Ran>;
  /** In order: asked to, it ends by itself. */
  shutDown(): Promise<void>;
  /** As if the plug were pulled. */
  cut(): Promise<void>;
  ended(): boolean;
}

function firmware(architecture: Architecture, variables: string): string[] {
  if (architecture === 'arm64') return ['-bios', '/usr/lib/u-boot/qemu_arm64/u-boot.bin'];
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
  /** Instead of the card as it is: QEMU's arguments for the drive that the guest starts from. */
  drive?: string[];
  /** Further arguments of QEMU. */
  more?: string[];
  /** For systemd in the guest, by name: `systemd.extra-unit.UNIT` is a unit, `systemd.unit-dropin.UNIT~NAME` a drop-in. */
  credentials?: Record<string, string>;
  /** Further words for the kernel. */
  words?: string[];
}

/** For the kernel; the serial line shows systemd's journal. A PC's kernel looks for a screen unless it is told otherwise. */
const everyWords: Record<Architecture, string[]> = {
  amd64: ['console=ttyS0', 'no_timer_check', 'systemd.journald.forward_to_console=1', shellWords],
  arm64: ['systemd.journald.forward_to_console=1', shellWords],
};

/** Where the image's grub.cfg looks for more words. Written only when it changes. */
function tellKernel(card: string, words: string[]): void {
  const text = `set more="${words.join(' ')}"\n`;
  if (text.length > 1900) throw new Error('cannot tell the kernel more than its command line holds');
  let before = '';
  try {
    before = onBootPartition(card, 'EFI/debian/more.cfg');
  } catch {
    // The card is as it was flashed.
  }
  if (before !== text) writeOnBootPartition(card, 'EFI/debian/more.cfg', text);
}

export function start({ architecture, home, name, card, port, more = [], credentials = {}, ...given }: Start): Machine {
  const log = path.join(home, `${name}.serial.log`);
  const hidden = mkdtempSync(path.join(tmpdir(), 'wz-')); // short: the path of a socket is
  const [program = '', ...kind] = kinds[architecture];
  const { args: credentialArgs, words } = told(hidden, { ...shellCredentials, ...credentials });
  tellKernel(card, [...everyWords[architecture], ...words, ...(given.words ?? [])]);
  const args = [
    ...[...kind, '-accel', 'tcg,thread=multi', '-smp', '2', '-m', '1024'],
    ...['-display', 'none', '-monitor', 'none', '-serial', `file:${log}`],
    ...firmware(architecture, `${card}.variables`),
    ...(given.drive ?? ['-drive', `if=virtio,format=raw,file=${card}`]),
    // Not QEMU's usual network: in that one the host's address stands for its loopback.
    ...['-netdev', `user,id=lan,net=192.168.77.0/24,hostfwd=tcp:127.0.0.1:${port}-:443`],
    ...['-device', 'virtio-net-pci,netdev=lan', '-device', 'virtio-rng-pci'],
    ...shellDevices(path.join(hidden, 'shell')),
    ...credentialArgs,
    ...more,
  ];
  const output = openSync(path.join(home, `${name}.qemu.log`), 'w');
  const child = spawn(program, args, { stdio: ['ignore', output, output] });
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  const exit = once(child, 'exit').finally(() => rmSync(hidden, { recursive: true, force: true }));
  const shell = openShell(path.join(hidden, 'shell'), exit);
  return {
    serial: () => (existsSync(log) ? readFileSync(log, 'latin1') : ''),
    run: shell.run,
    ended,
    async shutDown() {
      await shell.run('systemctl --no-block poweroff');
      await exit;
    },
    async cut() {
      if (!ended()) child.kill('SIGKILL');
      await exit;
    },
  };
}
