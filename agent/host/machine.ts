/**
 * Which machine this is, as far as its kernel tells. A card that is copied carries all keys and the whole store; only
 * the machine around it differs.
 */
import { createHash } from 'node:crypto';

/** What tells one machine from another, and no other machine has by mistake: some firmware says only zeros. */
function telling(text: string | undefined): string | undefined {
  const plain = text?.split('\0')[0]?.trim().toLowerCase();
  return plain && new Set(plain.replace(/[-:]/g, '')).size > 2 ? plain : undefined;
}

const kinds = ['board', 'firmware', 'network'] as const;
type Kind = (typeof kinds)[number];

/**
 * All that tells: the board's serial number, the firmware's id, the addresses that are burnt into the network
 * interfaces, each as `kind:hash`, with spaces between; undefined where none can be read. It goes nowhere.
 */
export async function machineOf({
  kernel,
  interfaces,
}: {
  kernel(file: string): Promise<string | undefined>;
  /** Names of the network interfaces. */
  interfaces(): Promise<string[]>;
}): Promise<string | undefined> {
  async function address(name: string): Promise<string | undefined> {
    const [kind, address, device] = await Promise.all(
      ['addr_assign_type', 'address', 'device/uevent'].map((file) => kernel(`/sys/class/net/${name}/${file}`)),
    );
    // 0: permanent (sysfs-class-net). What has no device is made by software, and anew at each boot.
    return kind?.trim() === '0' && device !== undefined ? telling(address) : undefined;
  }
  const found: [Kind, string | undefined][] = [
    ['board', telling(await kernel('/proc/device-tree/serial-number'))],
    ['firmware', telling(await kernel('/sys/class/dmi/id/product_uuid'))],
  ];
  for (const name of (await interfaces()).toSorted()) found.push(['network', await address(name)]);
  const told = found.flatMap(([kind, said]) =>
    said === undefined ? [] : [`${kind}:${createHash('sha256').update(`${kind} ${said}`).digest('hex')}`],
  );
  return told.length > 0 ? told.join(' ') : undefined;
}

/**
 * By the best that both tell: a board that is the same is the same machine, whatever is plugged into it. Network
 * interfaces come and go, so one in common will do. Machines that have nothing to compare are taken for the same.
 */
export function isSameMachine(one: string, other: string): boolean {
  const of = (text: string, kind: Kind) => text.split(' ').filter((part) => part.startsWith(`${kind}:`));
  for (const kind of kinds) {
    const [mine, theirs] = [of(one, kind), of(other, kind)];
    if (mine.length > 0 && theirs.length > 0) return mine.some((part) => theirs.includes(part));
  }
  return true;
}
