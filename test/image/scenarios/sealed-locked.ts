/** A sealed disk in another machine, whose owner has no other computer: the page on the network says why, and takes the storage key. */
import path from 'node:path';
import { onBootPartition } from '../card.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { startTpm } from '../tpm.js';
import { inData, volumeOf, volumeText } from '../volume.js';

export const name = 'a box whose data do not open takes the storage key on its page';

const tpm2 = JSON.stringify({ encrypted: true, opened: 'tpm2' });
const patient = { timeoutSeconds: 900 };
const fetched = (request: string): string =>
  `node -e "fetch('http://127.0.0.1/${request}).then((answer) => answer.text()).then(console.log)"`;
const typed = (key: string): string =>
  fetched(`storage-key', { method: 'POST', body: new URLSearchParams({ key: '${key}' }) }`);
const addresses = `node -p "Object.values(os.networkInterfaces()).flat().map(({ address }) => address).join(' ')"`;
/** The box's page, once it answers. */
const shownBy = async (machine: Machine): Promise<string> =>
  (await machine.run(`until ${fetched("'")} 2> /dev/null; do sleep 2; done`, patient)).output;

export async function run(rig: Rig): Promise<void> {
  const { expect, until, begin, say } = rig;
  const card = rig.freshCard({});
  let tpm = await startTpm(rig.architecture, path.join(rig.home, 'board'));
  try {
    begin();
    const first = rig.start({ name: 'first', card, more: tpm.more });
    expect(JSON.stringify(await volumeOf(first)) === tpm2, 'it is sealed');
    const key = await inData(first, 'echo of-the-owner > /data/webizen/secret; sync; cat /data/webizen/storage-key');
    rig.passed('sealed');
    await first.cut();
    await tpm.end();

    tpm = await startTpm(rig.architecture, path.join(rig.home, 'other-board'));
    begin();
    const second = rig.start({ name: 'second', card, more: tpm.more });
    expect((await volumeText(second)).includes('"because":"tpm-refused"'), 'it does not open elsewhere');
    expect(/does not give the key/.test(await shownBy(second)), 'the page says why');
    rig.passed('page');
    const { output: network } = await second.run(`${addresses}; systemctl --failed --no-legend`, patient);
    say(network);
    expect(/192\.168\.77\./.test(network), 'it has a network without its data');
    expect(/storage-key-malformed/.test((await second.run(typed('half a key'), patient)).output), 'half a key is none');
    await second.run(typed(key), patient).catch(() => {}); // it restarts
    await until(second, 'bound', async () => /data: bound to the TPM of this machine/.test(second.serial()));
    await until(second, 'opened', async () => JSON.stringify(await volumeOf(second)) === tpm2);
    expect((await inData(second, 'cat /data/webizen/secret')) === 'of-the-owner', 'nothing was lost');
    await second.shutDown();
    let left = true;
    try {
      onBootPartition(card, 'webizen-storage-key.txt');
    } catch {
      left = false;
    }
    expect(!left, 'what was typed does not stay');
  } finally {
    await tpm.end();
  }
}
