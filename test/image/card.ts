/** Cards: the image on a larger disk, and what a person wrote on its boot partition. Only while no machine runs from one. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const offset = '@@1M'; // of the boot partition, first on the disk

/** A card with the image on it, larger than the image. What the person who prepared it wrote goes onto the boot partition. */
export function makeCard(image: string, card: string, sizeGiB: number, written: Record<string, string>): void {
  copySparse(image, card);
  execFileSync('truncate', ['--size', `${sizeGiB}G`, card]);
  for (const [name, text] of Object.entries(written)) writeOnBootPartition(card, name, text);
}

export const copySparse = (from: string, to: string): void =>
  void execFileSync('cp', ['--archive', '--sparse=always', '--reflink=auto', from, to]);

export function writeOnBootPartition(card: string, name: string, text: string | Uint8Array): void {
  const file = `${card}.written`;
  writeFileSync(file, text);
  execFileSync('mcopy', ['-o', '-i', `${card}${offset}`, file, `::${name}`]);
  rmSync(file);
}

/** A file of the boot partition. */
export const onBootPartition = (card: string, name: string): string =>
  execFileSync('mtype', ['-i', `${card}${offset}`, `::${name}`], {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
