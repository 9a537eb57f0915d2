/** What a guest's data lie on, as its own system says, and what can be read of a card without the guest. */
import { execFileSync } from 'node:child_process';
import { describeFaults, parseJson } from '#contract/parse.js';
import { VolumeState } from '#contract/volume.js';
import type { Machine } from './machine.js';

const longest = { timeoutSeconds: 1200 };
const ended = 'until systemctl show -P ActiveState webizen-data | grep -qE "^(active|failed)$"; do sleep 1; done';

/** Once it has been found out. Answers what the system tells, which is more where it is locked. */
export async function volumeText(machine: Machine): Promise<string> {
  const { output } = await machine.run(`${ended} 2>/dev/null; cat /run/webizen-data/state.json`, longest);
  return output.trim();
}

/** Of a guest that has opened it. */
export async function volumeOf(machine: Machine): Promise<VolumeState> {
  const text = await volumeText(machine);
  const read = parseJson(VolumeState, Buffer.from(text));
  if (!read.ok) throw new Error(`cannot read ${text}: ${describeFaults(read.faults)}`);
  return read.value;
}

/** Waits until `/data` is mounted, and answers what the script prints. @throws Error where the script fails */
export async function inData(machine: Machine, script: string): Promise<string> {
  const { status, output } = await machine.run(`until mountpoint -q /data; do sleep 1; done; ${script}`, longest);
  if (status !== 0) throw new Error(`${script}: ${status} ${output}`);
  return output.trim();
}

/** How many lines of the card, read raw from behind its boot partition, hold the text. */
export function linesOnCard(card: string, text: string): number {
  const script = 'tail -c +135266305 "$1" | grep -a -c -F -e "$2" || true';
  return Number(execFileSync('sh', ['-c', script, 'sh', card, text], { encoding: 'utf8' }));
}
