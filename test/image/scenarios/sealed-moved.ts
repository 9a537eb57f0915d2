/**
 * With a TPM: `/data` is sealed on the first start, and nothing that was written can be read from the card; it opens by
 * itself; on another board it does not, tells how, and the storage key opens it and binds it there.
 */
import path from 'node:path';
import { onBootPartition, writeOnBootPartition } from '../card.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { startTpm, type Tpm } from '../tpm.js';
import { foundOnCard, inData, volumeOf, volumeText } from '../volume.js';

export const name = 'sealed to a TPM on the first start, opened by it alone, and by the storage key';

const secret = 'what-the-owner-wrote-and-nobody-else-reads';
const tpm2 = JSON.stringify({ encrypted: true, opened: 'tpm2' });

export async function run(rig: Rig): Promise<void> {
  const { expect, say, until, begin } = rig;
  const territory = rig.territory();
  const card = rig.freshCard({
    'webizen.json': JSON.stringify({ territory: 'home', claimCode: territory.claimCode() }),
  });
  const provider = await rig.serve(territory);
  let tpm: Tpm | undefined;
  const start = async (name: string, board?: string): Promise<Machine> => {
    await tpm?.end();
    tpm = board === undefined ? undefined : await startTpm(rig.architecture, path.join(rig.home, board));
    begin();
    return rig.start({ name, card, more: tpm?.more ?? [] });
  };
  const onBoot = (file: string): string | undefined => {
    try {
      return onBootPartition(card, file);
    } catch {
      return undefined;
    }
  };

  try {
    const first = await start('first', 'board');
    expect(JSON.stringify(await volumeOf(first)) === tpm2, 'it is sealed to the TPM');
    const key = await inData(first, `cat /data/webizen/storage-key; echo ${secret} > /data/webizen/secret; sync`);
    expect(/^([cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8}$/.test(key), 'a storage key waits for the owner');
    const box = await until(first, 'health report', async () => {
      const [found] = await provider.boxes();
      return found?.health ? found.id : undefined;
    });
    const { birth } = await provider.box(box);
    expect(birth?.hardware?.atRest === 'tpm2', 'the provider hears that it is encrypted');
    say((await first.run('lsblk --output NAME,FSTYPE,SIZE,MOUNTPOINTS; df /data; journalctl -u webizen-data')).output);
    expect(!first.serial().includes(key), 'the storage key is in no log');
    await first.cut();
    const found = foundOnCard(card, [secret, key, 'BEGIN PRIVATE KEY']);
    const brought = foundOnCard(rig.images.image, ['BEGIN PRIVATE KEY']);
    expect(found.join() === brought.join(), `nothing that was written can be read from the card ${found}`);

    const second = await start('second', 'board');
    expect(JSON.stringify(await volumeOf(second)) === tpm2, 'it opens by itself');
    expect((await inData(second, 'cat /data/webizen/secret')) === secret, 'what was written is there');
    await second.shutDown();

    say('the disk is put into another machine, with a key that is not its own');
    writeOnBootPartition(card, 'webizen-storage-key.txt', `${key.slice(0, -1)}${key.endsWith('c') ? 'b' : 'c'}`);
    const other = await start('other', 'other-board');
    expect((await volumeText(other)).includes('"opened":null,"because":"wrong-key"'), 'it stays closed');
    expect((await other.run('ls -A /data')).output === '', 'nothing of it can be read');
    await other.shutDown();
    expect(/does not fit/.test(onBoot('webizen-locked.txt') ?? ''), 'a file on the boot partition says why');

    writeOnBootPartition(card, 'webizen-storage-key.txt', `${key.toUpperCase().replaceAll('-', ' ')}\r\n`);
    const bound = await start('bound', 'other-board');
    expect(JSON.stringify(await volumeOf(bound)) === tpm2, 'the key opens it, and binds it to the new machine');
    expect((await inData(bound, 'cat /data/webizen/secret')) === secret, 'nothing was lost');
    await bound.shutDown();
    expect(onBoot('webizen-storage-key.txt') === undefined, 'the key does not stay beside it');
    expect(onBoot('webizen-locked.txt') === undefined, 'nor what said that it was closed');

    const again = await start('again', 'other-board');
    expect(JSON.stringify(await volumeOf(again)) === tpm2, 'it opens there by itself');
    await again.shutDown();

    const former = await start('former', 'board');
    expect((await volumeText(former)).includes('"opened":null,"because":"tpm-refused"'), 'the former machine does not');
    await former.shutDown();

    writeOnBootPartition(card, 'webizen-storage-key.txt', key);
    const without = await start('without');
    const state = JSON.stringify(await volumeOf(without));
    expect(state === JSON.stringify({ encrypted: true, opened: 'key-file' }), 'without a TPM the file opens it');
    expect((await inData(without, 'cat /data/webizen/secret')) === secret, 'nothing was lost');
    await without.shutDown();
    expect(onBoot('webizen-storage-key.txt') !== undefined, 'and has to stay');
  } finally {
    await tpm?.end();
  }
}
