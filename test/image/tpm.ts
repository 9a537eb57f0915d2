/** A TPM for a guest: swtpm, one process a start of the machine. What it keeps lies in a folder, as if soldered to one board. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Architecture } from '../../image/places.js';

export interface Tpm {
  /** Arguments of QEMU. */
  more: string[];
  end(): Promise<void>;
}

export async function startTpm(architecture: Architecture, board: string): Promise<Tpm> {
  mkdirSync(board, { recursive: true });
  const hidden = mkdtempSync(path.join(tmpdir(), 'wz-')); // short: the path of a socket is
  const socket = path.join(hidden, 'tpm');
  const state = ['--tpmstate', `dir=${board}`, '--ctrl', `type=unixio,path=${socket}`, '--flags', 'startup-clear'];
  const child = spawn('swtpm', ['socket', '--tpm2', ...state], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exit = once(child, 'exit').finally(() => rmSync(hidden, { recursive: true, force: true }));
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error('swtpm does not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const device = architecture === 'arm64' ? 'tpm-tis-device' : 'tpm-tis';
  return {
    more: [
      ...['-chardev', `socket,id=tpm,path=${socket}`, '-tpmdev', 'emulator,id=tpm0,chardev=tpm'],
      ...['-device', `${device},tpmdev=tpm0`],
    ],
    async end() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
