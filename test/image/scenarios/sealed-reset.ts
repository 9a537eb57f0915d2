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
/** The storage key has no end of a line of its own. */
const keyAndVolume = 'cat /data/webizen/storage-key; echo; cryptsetup luksUUID /dev/vda4';
const keyAndVolumeIn = (printed: string): [key: string, volume: string] => {
  const found = /^((?:[a-z]{8}-){7}[a-z]{8})\n([0-9a-f-]{36})$/.exec(printed);
  if (!found) throw new Error(`cannot find a storage key and a volume's id in ${printed}`);
  return [found[1] ?? '', found[2] ?? ''];
};
const opensBy = (key: string): string =>
  `printf %s ${key} > /run/former; cryptsetup open --test-passphrase --disable-external-tokens --key-file /run/former /dev/vda4`;

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
       mkdir -p -m 700 /data/webizen/agent/factory; echo of-the-maker > /data/webizen/agent/factory/test; ${keyAndVolume}`,
    );
    const [key, id] = keyAndVolumeIn(before);
    expect((await first.run(opensBy(key))).status === 0, 'its storage key opens it');
    rig.say((await first.run(`${command} reset --yes ${config}`)).output);
    await until(first, 'made anew', async () => /data: made anew, for a reset/.test(first.serial()));
    await first.cut();
    await now.end();

    rig.say('the plug is pulled in the middle, and put back in');
    now = await tpm();
    begin();
    const second = rig.start({ name: 'second', card, more: now.more });
    expect(await isSealed(second), 'it is sealed again');
    const [newKey, newId] = keyAndVolumeIn(await inData(second, keyAndVolume));
    expect(newKey !== key && newId !== id, 'with other keys');
    expect((await second.run(opensBy(newKey))).status === 0, 'the new storage key opens it');
    expect((await second.run(opensBy(key))).status !== 0, 'the storage key before opens nothing');
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
