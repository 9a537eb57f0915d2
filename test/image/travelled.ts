/** What an update that is streamed costs: octets over the network, and those written into the slot. */
import type { Machine } from './machine.js';

const patience = { timeoutSeconds: 900 };

const sumOf = (lines: string): number =>
  lines
    .split('\n')
    .map(Number)
    .reduce((sum, one) => sum + one, 0);

/** Bytes, by every network of the guest, since it started. */
export async function received(machine: Machine): Promise<number> {
  return sumOf((await machine.run('cat /sys/class/net/e*/statistics/rx_bytes', patience)).output);
}

/** Bytes that were written into slot B since the guest started. */
export async function writtenToB(machine: Machine): Promise<number> {
  const script =
    'awk \'{ print $7 * 512 }\' "/sys/class/block/$(basename "$(readlink -f /dev/disk/by-partlabel/rootfs-b)")/stat"';
  return sumOf((await machine.run(script, patience)).output);
}

/** What RAUC said of its reading, at the end of each installation. */
export const rauclines = (serial: string): string[] =>
  (serial.match(/(nbd dl_size|downloaded|access stats|target_slot|active_slot|zero chunk|source image).*/g) ?? []).map(
    (line) => line.trim(),
  );
