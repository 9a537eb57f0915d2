/**
 * The whole path: from flash to enrolled and healthy without a hand, and an app from the catalogue; the plug is pulled, and
 * the box comes back as the same; then it updates itself to the next system and keeps that, and the plug is pulled once
 * more. The app goes on each time.
 */
import { execFileSync } from 'node:child_process';
import { onBootPartition, writeOnBootPartition } from '../card.js';
import { setupPage } from '../phone.js';
import { cardGiB, type Rig } from '../rig.js';
import { installVisits } from '../visits.js';

export const name = 'from flash to enrolled and healthy, with an app from the catalogue, and updated, without a hand';

export async function run(rig: Rig): Promise<void> {
  const { expect, say, until, begin } = rig;
  const territory = rig.territory();
  const card = rig.freshCard({
    'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  });
  const provider = await rig.serve(territory);
  const isHeard = async (since: number): Promise<boolean> => {
    const [found] = await provider.boxes();
    return found?.state === 'online' && (found.lastSeen ?? 0) > since;
  };

  begin();
  const first = rig.start({ name: 'first', card });
  await until(first, 'systemd', async () => /systemd\[1\]: /.test(first.serial()));
  await until(first, 'setup page', setupPage);
  const { id } = await until(first, 'enrolled', async () => (await provider.boxes())[0]);
  await until(first, 'online', async () => (await provider.boxes())[0]?.state === 'online');
  const box = await until(first, 'health report', async () => {
    const [found] = await provider.boxes();
    return found?.health ? found : undefined;
  });
  say(`values ${JSON.stringify(box.health?.values)}`);
  expect((box.conditions ?? []).length === 0, `nothing is amiss ${JSON.stringify(box.conditions ?? [])}`);
  await until(first, 'slot marked good', async () => /Finished webizen-good\.service/.test(first.serial()));
  // A disk that is in use is read: it can be half written to.
  await until(first, 'setup code on the boot partition', async () =>
    /[A-Z0-9-]{8}/.test(onBootPartition(card, 'webizen-setup-code.txt')),
  );
  begin();
  const visits = await installVisits(rig, { machine: first, card, territory });
  const seen = Math.max(box.lastSeen ?? 0, (await provider.box(id)).lastSeen ?? 0);
  await first.cut();

  say('the plug is pulled, what the boot loader keeps is lost, and the plug is put back in');
  writeOnBootPartition(card, 'EFI/debian/grubenv', '');
  begin();
  const began = Date.now();
  const second = rig.start({ name: 'second', card });
  await until(second, 'online again', () => isHeard(Math.max(seen, began)));
  const boxes = await provider.boxes();
  expect(boxes.length === 1 && boxes[0]?.id === id, 'it is the same box');
  await until(second, 'slot marked good again', async () => /Finished webizen-good\.service/.test(second.serial()));
  await visits.runs(second, 'after the plug was pulled', 2);

  begin();
  territory.update(id, rig.release);
  const reported = async () => (await provider.box(id)).reported?.os;
  const os = await until(second, 'the update has ended', async () => {
    const now = await reported();
    return now?.last ? now : undefined;
  });
  expect(
    os.version === rig.release.version && os.last?.outcome === 'done',
    `the new system is kept ${JSON.stringify(os.last)}`,
  );
  await visits.runs(second, 'under the new system', 3);
  await second.cut();

  say('the plug is pulled from the new system, and put back in');
  begin();
  const again = Date.now();
  const third = rig.start({ name: 'third', card });
  await until(
    third,
    'online with the new system',
    async () => (await isHeard(again)) && (await reported())?.version === rig.release.version,
  );
  await until(third, 'slot B marked good', async () => /Finished webizen-good\.service/.test(third.serial()));
  await visits.runs(third, 'under the new system, again', 4);
  await third.cut();
  expect(/^GOOD=B$/m.test(onBootPartition(card, 'EFI/debian/good.env')), 'slot B is the one that is known to work');
  const environment = onBootPartition(card, 'EFI/debian/grubenv');
  expect(
    /^ORDER=B A$/m.test(environment) && /^B_TRY=0$/m.test(environment),
    'slot B starts, and no try of it is counted',
  );
  const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', card], { encoding: 'utf8' }));
  expect(partitiontable.partitions[3].size * 512 > (cardGiB - 3) * 1024 ** 3, '/data has grown to the card');
}
