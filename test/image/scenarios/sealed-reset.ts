/** A reset of a sealed box: the key of all that was there is destroyed, and the box starts anew under another one; cut in between, too. */
import path from 'node:path';
import { onBootPartition } from '../card.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { startTpm } from '../tpm.js';
import { inData, volumeOf } from '../volume.js';

export const name = 'a reset destroys the key of a sealed box';

const agentUp = 'until systemctl is-active -q webizen-agent; do sleep 1; done';
const command = 'node /usr/lib/webizen/bin/webizen-agent.js';
const config = '--config /etc/webizen/agent.json';
const volumeId = 'cryptsetup luksUUID /dev/vda4';

export async function run(rig: Rig): Promise<void> {
  const { expect, until, begin } = rig;
  const card = rig.freshCard({});
  const tpm = async () => startTpm(rig.architecture, path.join(rig.home, 'board'));
  const isSealed = async (machine: Machine): Promise<boolean> =>
    JSON.stringify(await volumeOf(machine)) === JSON.stringify({ encrypted: true, opened: 'tpm2' });
  let now = await tpm();
  try {
    begin();
    const first = rig.start({ name: 'first', card, more: now.more });
    expect(await isSealed(first), 'it is sealed');
    const before = await inData(
      first,
      `echo of-the-owner > /data/webizen/secret; ${agentUp}
       mkdir -p -m 700 /data/webizen/agent/factory; echo of-the-maker > /data/webizen/agent/factory/test; cat /data/webizen/storage-key; ${volumeId}`,
    );
    const [key = '', id = ''] = before.split('\n');
    rig.say((await first.run(`${command} reset --yes ${config}`)).output);
    await until(first, 'made anew', async () => /data: made anew, for a reset/.test(first.serial()));
    await first.cut();
    await now.end();

    rig.say('the plug is pulled in the middle, and put back in');
    now = await tpm();
    begin();
    const second = rig.start({ name: 'second', card, more: now.more });
    expect(await isSealed(second), 'it is sealed again');
    const [newKey, newId] = (await inData(second, `cat /data/webizen/storage-key; ${volumeId}`)).split('\n');
    expect(newKey !== key && newId !== id, 'with other keys');
    const former = `printf %s ${key} > /run/former; cryptsetup open --test-passphrase --disable-external-tokens --key-file /run/former /dev/vda4`;
    expect((await second.run(former)).status !== 0, 'the storage key before opens nothing');
    expect((await second.run('test -e /data/webizen/secret')).status !== 0, 'what was the owner’s is gone');
    expect(
      (await second.run('cat /data/webizen/agent/factory/test')).output === 'of-the-maker\n',
      'the maker’s is there',
    );
    const ledger = await second.run(`${agentUp}; ${command} ledger export ${config}`, { timeoutSeconds: 900 });
    expect(/"type":\s*"reset"/.test(ledger.output), 'the agent goes on after the reset');
    expect((await second.run('ls /data/webizen/agent/reset.json')).status !== 0, 'which is over');
    await second.shutDown();
    for (const file of ['webizen-kept.cred', 'webizen-new-volume'])
      expect(!isThere(card, file), `${file} is not on the boot partition any more`);
  } finally {
    await now.end();
  }
}

function isThere(card: string, file: string): boolean {
  try {
    onBootPartition(card, file);
    return true;
  } catch {
    return false;
  }
}
