/** A card that is in use stays as it is: plain without a TPM, and plain beside one that comes later; nothing is formatted. */
import path from 'node:path';
import type { Rig } from '../rig.js';
import { startTpm } from '../tpm.js';
import { inData, linesOnCard, volumeOf } from '../volume.js';

export const name = 'what is in use is never encrypted by itself, and says so';

export async function run(rig: Rig): Promise<void> {
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  const secret = 'what-the-owner-wrote-and-everybody-reads';
  rig.begin();
  const first = rig.start({ name: 'without', card });
  const without = JSON.stringify(await volumeOf(first));
  rig.expect(without === JSON.stringify({ encrypted: false, because: 'no-tpm' }), 'it is plain, for want of a TPM');
  await inData(first, `echo ${secret} > /data/webizen/secret; sync`);
  await rig.until(first, 'online', async () => (await provider.boxes())[0]?.state === 'online');
  const { birth } = await provider.box(box);
  rig.expect(birth?.hardware?.atRest === 'plain', 'the provider hears that it is not encrypted');
  await first.shutDown();
  rig.expect(linesOnCard(card, secret) > 0, 'whoever has the card reads it');

  const tpm = await startTpm(rig.architecture, path.join(rig.home, 'board'));
  try {
    rig.begin();
    const second = rig.start({ name: 'with', card, more: tpm.more });
    const beside = JSON.stringify(await volumeOf(second));
    rig.expect(beside === JSON.stringify({ encrypted: false, because: 'in-use' }), 'it stays plain beside a TPM');
    rig.expect((await inData(second, 'cat /data/webizen/secret')) === secret, 'nothing was lost');
    await second.shutDown();
  } finally {
    await tpm.end();
  }
}
