/**
 * What the machine is. systeminformation spawns programs for it, which is slow: asked once, and again when the kernel, the
 * system or the network interfaces are others than before.
 */
import { arch, cpus, release } from 'node:os';
import type { Birth } from '#contract/status.js';
import { decimal } from './numbers.js';
import type { Kernel, List } from './values.js';

export type Inventory = NonNullable<Birth['hardware']>;

/** Why the machine started, where it tells; undefined where it does not, which is most. */
export async function bootReason(kernel: Kernel, list: List): Promise<string | undefined> {
  const panics = (await list('/sys/fs/pstore')).filter((name) => name.startsWith('dmesg-'));
  if (panics.length > 0) return 'the kernel crashed before (pstore)';
  const watchdog = decimal(await kernel('/sys/class/watchdog/watchdog0/bootstatus'));
  return watchdog === 0x20 ? 'the watchdog fired' : undefined; // WDIOF_CARDRESET (linux/watchdog.h)
}

/** The image's slot, as RAUC's boot loaders pass it on. */
export const slotOf = (commandLine: string | undefined): string | undefined =>
  /(?:^|\s)rauc\.slot=([A-Za-z0-9._-]{1,20})(?:\s|$)/.exec(commandLine ?? '')?.[1];

/** Its parts by name: the whole of it is 20 modules, of which the rest would only take memory. Not before they are asked. */
async function askMachine() {
  const [{ system }, { osInfo }] = await Promise.all([
    import('systeminformation/lib/system.js'),
    import('systeminformation/lib/osinfo.js'),
  ]);
  return Promise.all([system(), osInfo()]);
}

export function createInventory({
  kernel,
  list,
  ask = askMachine,
}: {
  kernel: Kernel;
  list: List;
  ask?: () => Promise<[{ manufacturer: string; model: string }, { distro: string; release: string }]>;
}): () => Promise<Inventory> {
  let known: { sign: string; inventory: Promise<Inventory> } | undefined;

  async function read(): Promise<Inventory> {
    const [[machine, os], reason, commandLine] = await Promise.all([
      ask(),
      bootReason(kernel, list),
      kernel('/proc/cmdline'),
    ]);
    const text = (...words: string[]) => words.filter(Boolean).join(' ').slice(0, 200) || 'unknown';
    const slot = slotOf(commandLine);
    return {
      model: text(machine.manufacturer, machine.model),
      os: text(os.distro, os.release),
      arch: arch(),
      cpus: cpus().length || 1,
      kernel: text(release()),
      ...(slot === undefined ? {} : { slot }),
      ...(reason === undefined ? {} : { bootReason: reason }),
    };
  }

  return async () => {
    const [interfaces, os] = await Promise.all([list('/sys/class/net'), kernel('/etc/os-release')]);
    const sign = JSON.stringify([release(), interfaces.filter((name) => !/^(veth|ifb)/.test(name)), os]);
    if (known?.sign !== sign) known = { sign, inventory: read() };
    const mine = known;
    try {
      return await mine.inventory;
    } catch (error) {
      if (known === mine) known = undefined; // asked again the next time
      throw error;
    }
  };
}
