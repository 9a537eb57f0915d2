/** The control plane's records where they are in the database: held by this process, or stood by for. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { createDigests } from './backup/files.js';
import type { Log } from './broker/broker.js';
import { openDoor } from './standby-door.js';
import { type Control, openControl } from './store/control/control.js';
import { storeVersion } from './store/store.js';
import { checkDirectory, readTerritory } from './territory.js';

export interface RecordsConfig {
  directory: string;
  host: string;
  portBase: number;
  url: string;
  leaseMilliseconds?: number | undefined;
}

/** Of this directory on this machine. */
async function machineOf(files: Files, directory: string): Promise<string> {
  const file = path.join(directory, 'machine');
  let id = (await files.read(file))?.toString('utf8');
  if (id === undefined) {
    id = randomUUID();
    await files.write(file, id);
  }
  return `${hostname()} ${id}`; // a copy of the directory is on another machine
}

/** Undefined while they are in the directory. @throws Refusal as `openControl` */
export async function openRecords(
  { directory, url, leaseMilliseconds }: RecordsConfig,
  { files, clock, log }: { files: Files; clock: Clock; log: Log },
): Promise<Control | undefined> {
  await checkDirectory(directory);
  const { id } = await readTerritory(files, directory);
  return openControl({
    ...{ url, territory: id, leaseMilliseconds, clock, log, version: storeVersion },
    location: path.join(directory, 'records'),
    name: hostname(),
    machine: await machineOf(files, directory),
    files: createDigests(directory),
  });
}

/**
 * Until the records are its own; false when it was told to stop.
 * @param onStandby told where it says so, when another process holds them
 */
export async function standBy(
  records: Control,
  config: RecordsConfig,
  {
    stop,
    onStandby,
    ...parts
  }: { stop: AbortSignal; onStandby: (url: string) => void; files: Files; clock: Clock; log: Log },
): Promise<boolean> {
  let closeDoor: (() => Promise<void>) | undefined;
  const onWait = async () => {
    try {
      const door = await openDoor({ ...config, ...parts, standing: records.standing });
      closeDoor = door.close;
      onStandby(door.url);
    } catch (error) {
      parts.log.error({ err: error }, 'cannot say at the door that this process stands by');
      onStandby('');
    }
  };
  try {
    return await records.own(stop, onWait);
  } finally {
    await closeDoor?.();
  }
}
