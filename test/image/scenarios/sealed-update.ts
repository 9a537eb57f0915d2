/** A sealed box gets a new system: that opens the volume by the TPM too. */
import path from 'node:path';
import type { Rig } from '../rig.js';
import { startTpm } from '../tpm.js';
import { inData, volumeOf } from '../volume.js';

export const name = 'a sealed box is updated, and opens with the new system';

export async function run(rig: Rig): Promise<void> {
  const { expect, until, begin } = rig;
  const territory = rig.territory();
  const card = rig.freshCard({
    'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  });
  const provider = await rig.serve(territory);
  const tpm = await startTpm(rig.architecture, path.join(rig.home, 'board'));
  try {
    begin();
    const machine = rig.start({ name: 'updated', card, more: tpm.more });
    await inData(machine, 'echo kept > /data/webizen/written');
    const box = await until(machine, 'health report', async () => {
      const [found] = await provider.boxes();
      return found?.health ? found.id : undefined;
    });
    begin();
    territory.update(box, rig.release);
    await until(machine, 'new system kept', async () => {
      const os = (await provider.box(box)).reported?.os;
      if (os?.last && os.last.outcome !== 'done') throw new Error(`the update was ${JSON.stringify(os.last)}`);
      return os?.version === rig.release.version && os.last?.outcome === 'done';
    });
    const state = JSON.stringify(await volumeOf(machine));
    expect(state === JSON.stringify({ encrypted: true, opened: 'tpm2' }), 'the new system opens it by the TPM');
    expect((await inData(machine, 'cat /data/webizen/written')) === 'kept', 'nothing was lost');
    await machine.shutDown();
  } finally {
    await tpm.end();
  }
}
