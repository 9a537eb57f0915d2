/** How the card is divided. RAUC, GRUB, the initrd and systemd-repart know the partitions by these names and types. */
import type { Architecture } from './places.js';

export const mebi = 1024 ** 2;

export interface Partition {
  label: string;
  type: string;
  uuid: string;
  sizeMiB: number;
}

const slotType: Record<Architecture, string> = {
  amd64: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
  arm64: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
};

/** Types of the Discoverable Partitions Specification; the ids are ours and on every card the same. */
export const partitions = (architecture: Architecture): Partition[] => [
  {
    label: 'webizen-esp',
    type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
    uuid: '57455249-0000-4000-8000-000000000001',
    sizeMiB: 128,
  },
  { label: 'rootfs-a', type: slotType[architecture], uuid: '57455249-0000-4000-8000-000000000002', sizeMiB: 1280 },
  { label: 'rootfs-b', type: slotType[architecture], uuid: '57455249-0000-4000-8000-000000000003', sizeMiB: 1280 },
  {
    label: 'webizen-data',
    type: '0fc63daf-8483-4772-8e79-3d69d8477de4',
    uuid: '57455249-0000-4000-8000-000000000004',
    sizeMiB: 256,
  },
];

export const diskUuid = '57455249-0000-4000-8000-000000000000';
export const filesystemUuid = {
  slot: '57455249-0000-4000-8000-00000000000a',
  data: '57455249-0000-4000-8000-00000000000d',
};
/** Of the hash of directories' names. */
export const hashSeed = '57455249-0000-4000-8000-00000000000e';
/** Of the boot partition's filesystem. */
export const volumeId = '57454249';

export interface Placed extends Partition {
  startMiB: number;
}

/** Each where the one before ends; the first MiB is the table's, and the last. */
export function placed(architecture: Architecture): { partitions: Placed[]; sizeMiB: number } {
  let next = 1;
  const all = partitions(architecture).map((one) => {
    const startMiB = next;
    next += one.sizeMiB;
    return { ...one, startMiB };
  });
  return { partitions: all, sizeMiB: next + 1 };
}

/** As sfdisk reads it. */
export const tableOf = (architecture: Architecture): string =>
  [
    'label: gpt',
    `label-id: ${diskUuid}`,
    'unit: sectors',
    'first-lba: 2048',
    ...placed(architecture).partitions.map(
      ({ startMiB, sizeMiB, type, uuid, label }) =>
        `start=${startMiB * 2048}, size=${sizeMiB * 2048}, type=${type}, uuid=${uuid}, name="${label}"`,
    ),
    '',
  ].join('\n');
