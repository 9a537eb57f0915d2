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

/** Which of the texts somebody finds who reads the card raw, from behind its boot partition. */
export function foundOnCard(card: string, texts: readonly string[]): string[] {
  const script = 'tail -c +135266305 "$1" | LC_ALL=C grep -a -o -F -e "$2" | sort -u || true';
  const found = execFileSync('sh', ['-c', script, 'sh', card, texts.join('\n')], { encoding: 'utf8' });
  return found.split('\n').filter(Boolean);
}
