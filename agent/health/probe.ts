/**
 * Measures this machine. A sample spawns no process and asks no device: it reads what the kernel holds ready. Which files
 * there are is found out once an hour, as cards and adapters come and go.
 */
import { uptime } from 'node:os';
import type { Sample } from '#contract/health.js';
import type { Host } from '../host/host.js';
import { watchOwnProcess } from './probe/agent.js';
import { type AppPlace, createAppReader } from './probe/apps.js';
import { type BoardPlaces, findBoard, readBoard } from './probe/board.js';
import { type DiskPlaces, findDisks, isReadOnlyRoot, readDisks, spaceOf } from './probe/disks.js';
import { createInventory, type Inventory } from './probe/inventory.js';
import { createMemory } from './probe/memory.js';
import { readNetwork } from './probe/network.js';
import { createProcessor } from './probe/processor.js';
import type { Measured } from './probe/values.js';

export type Values = Sample['values'];
export type { AppPlace } from './probe/apps.js';

export interface Probe {
  sample(): Promise<Values>;
  /** Slow and spawning where something has changed, and the first time. */
  inventory(): Promise<Inventory>;
  stop(): void;
}

/** What the agent knows of the time: whether it does, and how far the system's clock is ahead of it, in seconds. */
export interface TimeKnown {
  trusted: boolean;
  offsetSeconds: number | undefined;
}

const findAgainMilliseconds = 3_600_000;

export function createProbe({
  host,
  dataDir,
  apps = () => [],
  time,
}: {
  host: Host;
  dataDir: string;
  apps?: () => readonly AppPlace[];
  time?: () => TimeKnown;
}): Probe {
  const { kernel, list, monotonic } = host;
  const processor = createProcessor(kernel);
  const memory = createMemory(kernel);
  const readApps = createAppReader(kernel);
  const inventory = createInventory({ kernel, list });
  let own: ReturnType<typeof watchOwnProcess> | undefined;
  let found: { at: number; disks: DiskPlaces; board: BoardPlaces } | undefined;

  async function places() {
    if (!found || monotonic() - found.at >= findAgainMilliseconds) {
      const [disks, board] = await Promise.all([findDisks(list), findBoard(kernel, list)]);
      found = { at: monotonic(), disks, board };
    }
    return found;
  }

  const rootSpace = async () =>
    isReadOnlyRoot(await kernel('/proc/self/mountinfo')) ? undefined : host.space('/').catch(() => undefined);

  return {
    async sample() {
      own ??= watchOwnProcess();
      const { disks, board } = await places();
      const parts: Measured[] = await Promise.all([
        processor(),
        memory(),
        Promise.all([host.space(dataDir), rootSpace()]).then((spaces) => spaceOf(...spaces)),
        readDisks(kernel, disks),
        readBoard(kernel, board),
        readNetwork(kernel),
        readApps(apps()),
      ]);
      const now = time?.();
      parts.push(own.read(), {
        'system.uptime': Math.round(uptime()),
        'system.clock.trusted': now && Number(now.trusted),
        'system.clock.offset': now?.offsetSeconds,
      });
      const values: Values = {};
      for (const [name, value] of parts.flatMap(Object.entries)) if (Number.isFinite(value)) values[name] = value;
      return values;
    },
    inventory,
    stop: () => own?.stop(),
  };
}
