/**
 * A box that has fetched and installed 1.1.0 and has just told its boot loader to start it: the moment before the first boot
 * of the new slot, kept, so that each fault of a new system begins there.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { built } from '../../image/places.js';
import { copySparse, onBootPartition } from './card.js';
import { keep } from './kept.js';
import { basePort, host, type Rig, type Settled } from './rig.js';
import { openTerritory } from './territory.js';
import { watch } from './watched.js';

/** A copy of one's own, by this name. */
export async function switched(rig: Rig, name: string): Promise<Settled> {
  const { architecture, home, images } = rig;
  const provider = readFileSync(built('bin/webizen-provider.js'));
  const from = await keep(architecture, 'switched', [images.digest, provider], (place) => make(rig, place));
  const [card, territory] = [path.join(home, `${name}.card`), path.join(home, `${name}.territory`)];
  copySparse(path.join(from, 'card'), card);
  execFileSync('cp', ['--archive', path.join(from, 'territory'), territory]);
  return {
    card,
    territory: openTerritory(territory, host, basePort),
    box: readFileSync(path.join(from, 'box'), 'utf8'),
  };
}

async function make(rig: Rig, place: string): Promise<void> {
  const { card, territory, box } = await rig.settled();
  const provider = await territory.serve();
  const seen = watch({ rig, provider, territory, box });
  // A restart ends it.
  const machine = rig.start({ name: 'switching', card, more: ['-no-reboot'] });
  try {
    const began = Date.now();
    rig.begin();
    await rig.until(machine, 'online', () => seen.isHeard(began));
    territory.update(box, rig.release);
    await seen.until(machine, 'installing', ({ next }) => next?.stage === 'installing');
    while (!machine.ended()) await new Promise((resolve) => setTimeout(resolve, 1000));
    rig.passed('restarted into the new system');
  } finally {
    await machine.cut();
    await provider.stop();
  }
  rig.expect(/^ORDER=B A$/m.test(onBootPartition(card, 'EFI/debian/grubenv')), 'the new slot is what starts');
  writeFileSync(path.join(place, 'box'), box);
  copySparse(card, path.join(place, 'card'));
  execFileSync('cp', ['--archive', path.dirname(territory.provider), path.join(place, 'territory')]);
}
