/** A disk as a card is divided, with little on it: a boot partition that starts slot A, and what an agent has kept. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { createLedger } from '../../../agent/consent/ledger.js';
import { createOutbox } from '../../../agent/link/outbox.js';
import { createStorage } from '../../../agent/storage/storage.js';
import { openStore } from '../../../agent/store/store.js';
import { dataOptions } from '../../../image/disk.js';
import { environmentBlock } from '../../../image/esp.js';
import { mebi, placed, tableOf } from '../../../image/layout.js';
import { contentOf, keysOf } from './load-child.js';

export const architecture = 'amd64' as const;
export const app = 'load';
const { partitions, sizeMiB } = placed(architecture);
export const diskBytes = sizeMiB * mebi;
export const startOf = (label: string): number => (partitions.find((one) => one.label === label)?.startMiB ?? 0) * mebi;
const sizeOf = (label: string): number => (partitions.find((one) => one.label === label)?.sizeMiB ?? 0) * mebi;
export const dataBytes = sizeOf('webizen-data');

/** The agent's rooms that keep what it promises, as `agent/compose.ts` makes them. */
export async function openRooms(dataDir: string) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const store = await openStore(dataDir);
  const storage = await createStorage({
    ...{ store, files, clock: systemClock, freeBytes: () => 2 ** 40, onRefused: () => {} },
    keysDirectory: path.join(dataDir, 'storage-keys'),
  });
  return {
    ledger: await createLedger({ store, clock: systemClock }),
    outbox: await createOutbox({ store, budgetBytes: 2 ** 24 }),
    /** Durable when it resolves. */
    put: (key: string, version: number) =>
      storage.write({ id: app, quotaBytes: 2 ** 28 }, [
        { op: 'put', key, value: contentOf(key, version), contentType: 'text/plain' },
      ]),
    async close() {
      await storage.stop();
      await store.close();
    },
  };
}

/** The first key in its first version, and one entry of the ledger. */
async function keepALittle(dataDir: string): Promise<void> {
  const rooms = await openRooms(dataDir);
  await rooms.ledger.append({ by: 'box', type: 'made', facts: {} });
  await rooms.put(keysOf(0)[0] ?? '', 1);
  await rooms.close();
}

/** @param isUsed false: no agent has run on it yet. Answers the disk's file. */
export async function makeSmallDisk(folder: string, isUsed = true): Promise<string> {
  const [file, tree, esp, data] = ['disk', 'tree', 'esp', 'data'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  mkdirSync(path.join(tree, 'webizen'), { recursive: true });
  if (isUsed) await keepALittle(path.join(tree, 'webizen/agent'));
  for (const [name, size] of Object.entries({ [file]: diskBytes, [esp]: sizeOf('webizen-esp'), [data]: dataBytes })) {
    writeFileSync(name, '');
    truncateSync(name, size);
  }
  execFileSync('sfdisk', ['--quiet', '--no-reread', file], { input: tableOf(architecture) });
  execFileSync('mkfs.vfat', ['-F', '32', esp], { stdio: 'ignore' });
  const put = (name: string, text: string): void => {
    const from = path.join(folder, 'text');
    writeFileSync(from, text);
    execFileSync('mcopy', ['-i', esp, from, `::${name}`]);
  };
  execFileSync('mmd', ['-i', esp, '::EFI', '::EFI/BOOT', '::EFI/debian']);
  put('EFI/BOOT/BOOTX64.EFI', 'GRUB');
  put('EFI/debian/grub.cfg', 'its configuration');
  put('EFI/debian/grubenv', environmentBlock({ ORDER: 'A B', A_OK: '1', A_TRY: '0' }));
  put('EFI/debian/good.env', environmentBlock({ GOOD: 'A' }));
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', ...dataOptions(), '-d', tree, data]);
  for (const [from, label] of [
    [esp, 'webizen-esp'],
    [data, 'webizen-data'],
  ] as const)
    execFileSync('dd', [`if=${from}`, `of=${file}`, 'bs=1M', `seek=${startOf(label) / mebi}`, 'conv=notrunc,sparse'], {
      stdio: 'ignore',
    });
  return file;
}
