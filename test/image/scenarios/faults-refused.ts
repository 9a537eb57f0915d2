/**
 * What a box must not take: a bundle that changed in the catalogue, one that somebody else signed, one that is damaged inside,
 * an older system under a newer name, on a way that damages it. All in one life of one box, which stays what it is.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeBundle } from '../../../image/bundle.js';
import { makePublisher, openPublisher, type Publisher } from '../../../image/publisher.js';
import { run as program } from '../../../image/run.js';
import { onBootPartition } from '../card.js';
import type { Rig } from '../rig.js';
import { told, watch } from '../watched.js';
import { badWay } from '../way.js';

export const name = 'what must not be taken is refused, and the box says why';

/** A small filesystem: what is in it is never looked at. */
function smallBundle(rig: Rig, version: string, publisher: Publisher = rig.publisher): string {
  const place = path.join(rig.home, `small-${version}`);
  program('mkdir', ['-p', place]);
  const file = path.join(place, 'rootfs.ext4');
  writeFileSync(file, randomBytes(4 << 20));
  return makeBundle(place, { architecture: rig.architecture, version, publisher, tools: rig.tools });
}

/** In place, where nothing but the octets themselves says so. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  const middle = (bytes.length >> 1) & ~4095;
  bytes.fill(0x55, middle, middle + 4096);
  writeFileSync(file, bytes);
}

export async function run(rig: Rig): Promise<void> {
  const { expect } = rig;
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  const seen = watch({ rig, provider, territory, box });
  const { compatible, publisher } = rig.release;
  async function refuses(
    version: string,
    bundle: string,
    code: RegExp,
    before?: (file: string) => void,
  ): Promise<void> {
    seen.offer({ bundle, compatible, version, publisher }, before);
    const { last } = await seen.until(machine, `${version} refused`, (os) => os.last?.version === version);
    expect(last?.outcome === 'failed' && code.test(last.code ?? ''), `${version}: ${JSON.stringify(last)}`);
  }

  const changed = smallBundle(rig, '1.1.1');
  const foreign = path.join(rig.home, 'foreign');
  await makePublisher(foreign, 'Somebody else');
  const signedByOther = smallBundle(rig, '1.1.2', await openPublisher(foreign));
  const damaged = smallBundle(rig, '1.1.3');
  damage(damaged);
  const older = smallBundle(rig, '0.9.0');

  const began = Date.now();
  rig.begin();
  const machine = rig.start({ name: 'refused', card });
  await rig.until(machine, 'online', () => seen.isHeard(began));

  await refuses('1.1.1', changed, /^os-bundle-mismatch$/, damage);
  await refuses('1.1.2', signedByOther, /^os-bundle-refused$/);
  await refuses('1.1.3', damaged, /^os-(bundle-refused|install-failed)$/);
  // Octets that are damaged on the way are fetched again: it is known for what it is, and not for what came of it.
  const way = await badWay(1_000_000);
  await refuses('2.0.0', older, /^os-bundle-refused$/).finally(way.close);
  expect(way.damaged() >= 3, `${way.damaged()} times an octet was changed on the way`);

  const after = await seen.os();
  expect(after?.version === '1.0.0' && after.slot === 'rootfs.0', `it runs what it ran: ${JSON.stringify(after)}`);
  await rig.until(machine, 'the provider is told that it is not tried again', async () => {
    const { refused } = (await seen.os()) ?? {};
    return refused?.code === 'os-failed-before' && refused.version === '2.0.0';
  });
  const kept = await told(machine, 'os.not-updated');
  expect(kept.length === 4, `its owner reads of four: ${kept.length}`);
  await rig.until(machine, 'events', async () => seen.events('system-not-updated').length === 4);
  expect((await machine.run('ls /data/webizen/agent/os')).output.trim() === '', 'nothing of a bundle is left');
  await machine.cut();
  expect(/^ORDER=A B$/m.test(onBootPartition(card, 'EFI/debian/grubenv')), 'and what ran is what starts');
}
