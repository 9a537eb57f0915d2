/**
 * A slot of a card that no machine runs from, changed in place: a new system with a fault in it, without another hundred
 * megabytes to be made, fetched and written. The boot loader and the kernel take it as it lies there.
 */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { Type } from 'typebox';
import { check } from '#contract/parse.js';

const Table = Type.Object({
  partitiontable: Type.Object({
    sectorsize: Type.Integer(),
    partitions: Type.Array(Type.Object({ name: Type.String(), start: Type.Integer(), size: Type.Integer() })),
  }),
});

/** Bytes from the card's beginning. */
export function partitionAt(card: string, label: string): number {
  const read = check(Table, JSON.parse(execFileSync('sfdisk', ['--json', card], { encoding: 'utf8' })));
  const found = read.ok && read.value.partitiontable.partitions.find(({ name }) => name === label);
  if (!read.ok || !found) throw new Error(`cannot find ${label} on ${card}`);
  return found.start * read.value.partitiontable.sectorsize;
}

/** A file's new text, executable where it begins with `#!`; a link; `undefined`: it is to be gone. */
export type Alteration = Record<string, string | { link: string } | undefined>;

const slotOn = (card: string, label: string): string => `${card}?offset=${partitionAt(card, label)}`;

/** What stands in a file there. */
export const readIn = (card: string, label: string, file: string): string =>
  execFileSync('debugfs', ['-R', `cat ${file}`, slotOn(card, label)], {
    ...{ encoding: 'latin1', maxBuffer: 1 << 28 },
    stdio: ['ignore', 'pipe', 'ignore'], // it says its own version
  });

const isThere = (card: string, label: string, place: string): boolean =>
  execFileSync('debugfs', ['-R', `stat ${place}`, slotOn(card, label)], {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).includes('Inode:');

export function alter(card: string, label: string, changes: Alteration): void {
  const [asked, from] = [`${card}.commands`, `${card}.written`];
  const change = (...commands: string[]): void => {
    writeFileSync(asked, `${commands.join('\n')}\n`);
    execFileSync('debugfs', ['-w', '-f', asked, slotOn(card, label)], { stdio: 'ignore' });
  };
  for (const [file, wanted] of Object.entries(changes)) {
    const parts = file.split('/').slice(1, -1);
    for (const [index] of parts.entries()) {
      const directory = `/${parts.slice(0, index + 1).join('/')}`;
      if (!isThere(card, label, directory)) change(`mkdir ${directory}`);
    }
    if (isThere(card, label, file)) change(`rm ${file}`);
    if (wanted === undefined) continue;
    if (typeof wanted !== 'string') {
      change(`symlink ${file} ${wanted.link}`);
      continue;
    }
    writeFileSync(from, wanted);
    const mode = wanted.startsWith('#!') ? '0100755' : '0100644';
    change(`write ${from} ${file}`, `sif ${file} mode ${mode}`, `sif ${file} uid 0`, `sif ${file} gid 0`);
    if (readIn(card, label, file) !== Buffer.from(wanted).toString('latin1'))
      throw new Error(`cannot write ${file} into ${label}`);
  }
  for (const file of [asked, from]) rmSync(file, { force: true });
}

/** A script that systemd starts by itself, as early as it starts anything. */
export const earlyScript = (script: string): Alteration => ({
  '/usr/lib/webizen/fault': `#!/bin/sh\n${script}\n`,
  '/etc/systemd/system/fault.service': `[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/lib/webizen/fault
`,
  '/etc/systemd/system/sysinit.target.wants/fault.service': { link: '../fault.service' },
});
