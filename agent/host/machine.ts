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

/**
 * A hash of the board's serial number, else of the firmware's id, else of the addresses that are burnt into the network
 * interfaces; undefined where none of them can be read. Goes nowhere: it is compared with itself.
 */
export async function machineOf({
  kernel,
  interfaces,
}: {
  kernel(file: string): Promise<string | undefined>;
  /** Names of the network interfaces. */
  interfaces(): Promise<string[]>;
}): Promise<string | undefined> {
  async function addresses(): Promise<string | undefined> {
    const found: string[] = [];
    for (const name of await interfaces()) {
      const place = `/sys/class/net/${name}`;
      const [kind, address, device] = await Promise.all(
        ['addr_assign_type', 'address', 'device/uevent'].map((file) => kernel(`${place}/${file}`)),
      );
      // 0: permanent (sysfs-class-net). What has no device is made by software, and anew at each boot.
      const own = kind?.trim() === '0' && device !== undefined ? telling(address) : undefined;
      if (own) found.push(own);
    }
    return found.length > 0 ? found.toSorted().join(' ') : undefined;
  }
  const sources = [
    ['board', async () => telling(await kernel('/proc/device-tree/serial-number'))],
    ['firmware', async () => telling(await kernel('/sys/class/dmi/id/product_uuid'))],
    ['network', addresses],
  ] as const;
  for (const [kind, read] of sources) {
    const said = await read();
    if (said !== undefined) return createHash('sha256').update(`${kind} ${said}`).digest('hex');
  }
  return undefined;
}
