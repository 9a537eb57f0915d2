/** The plug is pulled at each moment of the sealing, one start after the other on the same card: in the end it is sealed, and works. */
import path from 'node:path';
import type { Rig } from '../rig.js';
import { startTpm } from '../tpm.js';
import { inData, volumeOf } from '../volume.js';

export const name = 'the plug pulled while /data is sealed';

/** What is waited for on the serial line, and for how long then. */
const moments: { seen: RegExp; andSeconds: number }[] = [
  { seen: /data: \/dev\/\w+ is (pristine|unfinished)/, andSeconds: 0 },
  { seen: /New TPM2 token enrolled/, andSeconds: 0 },
  { seen: /Set cipher aes/, andSeconds: 0 },
  { seen: /Set cipher aes/, andSeconds: 1 },
  { seen: /Set cipher aes/, andSeconds: 2.5 },
  { seen: /Set cipher aes/, andSeconds: 4 },
  { seen: /data: sealed to the TPM/, andSeconds: 0 },
  { seen: /Mounting data\.mount/, andSeconds: 1 },
];

export async function run(rig: Rig): Promise<void> {
  const card = rig.freshCard({});
  const board = path.join(rig.home, 'board');
  for (const [index, { seen, andSeconds }] of moments.entries()) {
    const tpm = await startTpm(rig.architecture, board);
    rig.begin();
    const machine = rig.start({ name: `cut-${index}`, card, more: tpm.more });
    await rig.until(machine, `${seen.source} and ${andSeconds} s`, async () => seen.test(machine.serial()));
    await new Promise((resolve) => setTimeout(resolve, andSeconds * 1000));
    await machine.cut();
    await tpm.end();
    rig.say(/data: \/dev\/.*/.exec(machine.serial())?.[0] ?? 'it did not come to it');
  }
  const tpm = await startTpm(rig.architecture, board);
  try {
    rig.begin();
    const machine = rig.start({ name: 'whole', card, more: tpm.more });
    const state = await volumeOf(machine);
    rig.expect(JSON.stringify(state) === JSON.stringify({ encrypted: true, opened: 'tpm2' }), 'it is sealed');
    await inData(
      machine,
      'touch /data/webizen/written && test -s /data/webizen/storage-key && test -d /data/system/rauc',
    );
    const agent = await machine.run('until systemctl is-active -q webizen-agent; do sleep 1; done', {
      timeoutSeconds: 900,
    });
    rig.expect(agent.status === 0, 'and the box works');
    await machine.shutDown();
  } finally {
    await tpm.end();
  }
}
