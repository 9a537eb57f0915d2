/**
 * What scenarios stand on: two images, the update from the one to the other, the territory that both know, and a card that
 * was started once. All of it is kept by the digest of what it was made from, so that the next run begins at once.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeBundle } from '../../image/bundle.js';
import { readLock } from '../../image/lock.js';
import { type Architecture, built } from '../../image/places.js';
import { openPublisher, type Publisher } from '../../image/publisher.js';
import { openTools, type Tools } from '../../image/tools.js';
import { copySparse, makeCard } from './card.js';
import { type Course, openCourse } from './course.js';
import { type Images, makeImages, versions } from './images.js';
import { keep } from './kept.js';
import { type Machine, type Start, start } from './machine.js';
import { openTerritory, type Serving, type SystemRelease, type Territory } from './territory.js';

/** Documentation's own (RFC 5737): no machine that a guest could mean otherwise. */
export const host = '198.51.100.1';
export const basePort = 8440;
export const setupPort = 8080;
export const cardGiB = 6;

/** A box that is enrolled, healthy and shut down in order, its slot known to be good; the territory is the one it came into. */
export interface Settled {
  card: string;
  territory: Territory;
  box: string;
}

export interface Rig extends Course {
  architecture: Architecture;
  /** The scenario's own folder: its logs stay here, cards and territories go. */
  home: string;
  images: Images;
  publisher: Publisher;
  tools: Tools;
  /** The update to 1.1.0, as a territory takes it in. */
  release: SystemRelease;
  /** The update with another root filesystem, or of another version, by this rig's publisher; in the scenario's folder. */
  bundleOf(rootfs: string, version: string): string;
  /** The territory that the images know, with no box in it yet; a copy of the scenario's own. */
  territory(): Territory;
  /** A card as it comes from flashing, with what is written on its boot partition. */
  freshCard(written: Record<string, string>): string;
  settled(): Promise<Settled>;
  /** Served until the scenario ends. */
  serve(territory: Territory): Promise<Serving>;
  /** Cut when the scenario ends. */
  start(given: Pick<Start, 'name' | 'card' | 'drive' | 'more' | 'credentials' | 'words'>): Machine;
  close(): Promise<void>;
}

/** @param scenario names its folder below build/image-test */
export async function openRig(architecture: Architecture, scenario: string): Promise<Rig> {
  const home = built('image-test', architecture, scenario);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const course = openCourse();
  const publisher = await openPublisher(undefined);
  const tools = openTools(readLock(architecture));
  const images = await makeImages(architecture, { publisher, tools, host, port: basePort, say: course.say });
  const [ending, cards]: [(() => Promise<void>)[], string[]] = [[], []];
  let made = 0;
  const cardOf = (): string => {
    const card = path.join(home, `card-${++made}`);
    cards.push(card);
    return card;
  };
  const territoryFrom = (from: string): Territory => {
    const place = path.join(home, `territory-${++made}`);
    execFileSync('cp', ['--archive', from, place]);
    return openTerritory(place, host, basePort);
  };

  const rig: Rig = {
    ...course,
    ...{ architecture, home, images, publisher, tools },
    release: { bundle: images.bundle, compatible: `webizen-${architecture}`, version: versions.next, publisher },
    bundleOf(rootfs, version) {
      const place = path.join(home, `bundle-${++made}`);
      mkdirSync(place);
      copySparse(rootfs, path.join(place, 'rootfs.ext4'));
      const bundle = makeBundle(place, { architecture, version, publisher, tools });
      rmSync(path.join(place, 'rootfs.ext4'));
      return bundle;
    },
    territory: () => territoryFrom(images.territory),
    freshCard(written) {
      const card = cardOf();
      makeCard(images.image, card, cardGiB, written);
      return card;
    },
    async settled() {
      const from = await keep(architecture, 'settled', [images.digest, settledBy()], (place) => settle(rig, place));
      const card = cardOf();
      copySparse(path.join(from, 'card'), card);
      if (architecture === 'amd64') copySparse(path.join(from, 'card.variables'), `${card}.variables`);
      const box = readFileSync(path.join(from, 'box'), 'utf8');
      return { card, territory: territoryFrom(path.join(from, 'territory')), box };
    },
    async serve(territory) {
      const serving = await territory.serve();
      ending.push(() => serving.stop());
      return serving;
    },
    start(given) {
      const machine = start({ ...given, architecture, home, port: setupPort });
      ending.push(() => machine.cut());
      return machine;
    },
    async close() {
      for (const end of ending.toReversed()) await end();
      writeFileSync(path.join(home, 'times.json'), `${JSON.stringify(course.times, null, 2)}\n`);
      for (const card of cards) for (const file of [card, `${card}.variables`]) rmSync(file, { force: true });
    },
  };
  return rig;
}

/** The provider's side of a settled card. */
const settledBy = (): Uint8Array => readFileSync(built('bin/webizen-provider.js'));

/** From flash to settled, once. */
async function settle(rig: Rig, place: string): Promise<void> {
  rig.say('a card is started for the first time, and kept');
  const territory = rig.territory();
  const card = rig.freshCard({
    'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  });
  const provider = await territory.serve();
  const machine = rig.start({ name: 'settling', card });
  try {
    const box = await rig.until(machine, 'settled: healthy', async () => {
      const [found] = await provider.boxes();
      return found?.health ? found.id : undefined;
    });
    await rig.until(machine, 'settled: slot good', async () => /Finished webizen-good\.service/.test(machine.serial()));
    await machine.shutDown();
    rig.passed('settled: shut down');
    writeFileSync(path.join(place, 'box'), box);
  } finally {
    await machine.cut();
    await provider.stop();
  }
  copySparse(card, path.join(place, 'card'));
  if (rig.architecture === 'amd64') copySparse(`${card}.variables`, path.join(place, 'card.variables'));
  execFileSync('cp', ['--archive', path.dirname(territory.provider), path.join(place, 'territory')]);
}
