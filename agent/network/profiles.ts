/**
 * The box's profiles in NetworkManager's directory: the network that it joins by itself, the one that is being tried, and
 * its own. Only the first is joined without being asked, so that a restart at any moment goes back to what worked.
 *
 * Their names carry a word that is made with the data directory: after a reset what is left of the owner before is
 * recognised by it, and removed.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Files } from '#common/files.js';
import { type AccessPoint, accessPointFile, readStation, type Station, stationFile } from './keyfile.js';

export interface Profiles {
  /** What is left of another life of the box, or of a write that was cut, goes; answers what was being tried. */
  clean(): Promise<Station | undefined>;
  /** The one that is joined by itself. */
  known(): Station | undefined;
  try(station: Station): Promise<void>;
  /** What was tried is the known one from here on. */
  confirm(station: Station): Promise<void>;
  revert(): Promise<void>;
  forget(): Promise<void>;
  open(own: AccessPoint): Promise<void>;
  close(): Promise<void>;
}

const prefix = 'webizen-';
const suffix = '.nmconnection';

export async function openProfiles({
  files,
  directory,
  home,
}: {
  files: Files;
  /** NetworkManager's. */
  directory: string;
  /** Of the room, in the data directory. */
  home: string;
}): Promise<Profiles> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lifeFile = path.join(home, 'life');
  let life = (await files.read(lifeFile))?.toString('latin1').trim() ?? '';
  if (!/^[0-9a-f]{16}$/.test(life)) {
    life = randomBytes(8).toString('hex');
    await files.write(lifeFile, `${life}\n`);
  }
  const names = { known: 'wifi', tried: 'try', own: 'own' } as const;
  const place = (kind: keyof typeof names): string => path.join(directory, `${prefix}${life}-${names[kind]}${suffix}`);
  const read = async (kind: 'known' | 'tried'): Promise<Station | undefined> =>
    readStation((await files.read(place(kind)))?.toString('latin1') ?? '');
  let known = await read('known');

  return {
    async clean() {
      const tried = await read('tried');
      for (const name of await readdir(directory))
        if (name.startsWith(prefix) && path.join(directory, name) !== place('known'))
          await files.remove(path.join(directory, name));
      return tried;
    },
    known: () => known,
    try: (station) => files.write(place('tried'), stationFile({ ...station, isConfirmed: false })),
    async confirm(station) {
      const confirmed = { ...station, isConfirmed: true };
      await files.write(place('known'), stationFile(confirmed));
      known = confirmed;
      await files.remove(place('tried'));
      await files.remove(place('own'));
    },
    revert: () => files.remove(place('tried')),
    async forget() {
      await files.remove(place('known'));
      known = undefined;
    },
    open: (own) => files.write(place('own'), accessPointFile(own)),
    close: () => files.remove(place('own')),
  };
}
