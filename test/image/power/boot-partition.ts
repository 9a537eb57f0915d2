/** The boot partition after a cut: firmware and GRUB read it as it is; Linux lets fsck.vfat have a look first. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chooseSlot, type Letter, readBlock } from './boot-choice.js';

export interface Booting {
  slot: Letter;
  faults: string[];
}

/** What fsck.vfat -a may say: none of it loses anything. */
const harmless = [
  /^fsck\.fat /,
  /^Dirty bit is set\./,
  // The mark that it was in use is set in the one, and not in the other.
  /^There are differences between boot sector and its backup\.$/,
  /^This is mostly harmless\. Differences: /,
  /^ {2}65:0[01]\/0[01]$/,
  /^ {2}Not automatically fixing this\.$/,
  / Automatically removing dirty bit\./,
  /^Free cluster summary wrong/,
  // The second is written behind the first.
  /^FATs differ - using first FAT\.$/,
  /^FATs differ but appear to be intact\.$/,
  /^ {2}Using first FAT\.$/,
  / Auto-correcting\./,
  /^Reclaimed \d+ unused cluster/,
  /^\s*$/,
  /: \d+ files, \d+\/\d+ clusters$/,
  /^\*\*\* Filesystem was changed \*\*\*/,
  /^Writing changes\./,
];

/** A file that had not got its name yet is shortened to what there is of it; nobody reads it. */
function fsckFaults(said: string): string[] {
  let subject = '';
  return said.split('\n').filter((line) => {
    subject = line.startsWith(' ') ? subject : line;
    return !/^\/.*\.new$/.test(subject) && !harmless.some((one) => one.test(line));
  });
}

const fileOf = (partition: string, name: string): Buffer | undefined => {
  const { status, stdout } = spawnSync('mtype', ['-i', partition, `::${name}`], { maxBuffer: 64 * 1024 ** 2 });
  return status === 0 ? stdout : undefined;
};

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Files that nothing writes to, by their digests. */
export const readFixed = (partition: string, names: readonly string[]): Map<string, string> =>
  new Map(names.map((name) => [name, digestOf(fileOf(partition, name) ?? Buffer.of())]));

/** Repairs it as the box does. */
export function lookAtBootPartition(partition: string, fixed: ReadonlyMap<string, string>): Booting {
  const faults: string[] = [];
  const text = (name: string): string => {
    const bytes = fileOf(partition, name);
    if (bytes === undefined) faults.push(`${name} cannot be read`);
    else if (readBlock(bytes.toString('latin1')) === undefined) faults.push(`${name} is torn`);
    else if (bytes.length !== 1024) faults.push(`${name} has ${bytes.length} bytes`);
    return bytes?.toString('latin1') ?? '';
  };
  const { slot } = chooseSlot(text('EFI/debian/grubenv'), text('EFI/debian/good.env'));
  for (const [name, digest] of fixed)
    if (digestOf(fileOf(partition, name) ?? Buffer.of()) !== digest) faults.push(`${name} is another`);
  const repaired = spawnSync('fsck.vfat', ['-a', partition], { encoding: 'utf8' });
  for (const line of fsckFaults(`${repaired.stdout}${repaired.stderr}`)) faults.push(`fsck.vfat -a: ${line}`);
  const left = spawnSync('fsck.vfat', ['-n', partition], { encoding: 'utf8' });
  if (left.status !== 0) faults.push(`fsck.vfat -n after the repair: ${left.stdout.trim()}`);
  return { slot, faults };
}
