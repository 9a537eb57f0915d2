/**
 * The provider of a test, whose control plane's records are in its directory; or in a PostgreSQL that `RECORDS_SERVER`
 * names, so that the suites of the provider hold for both (control-suites.test.ts).
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { openDatabase } from '../../provisioning/database-wiring.js';
import { createProvider, type Provider, type ProviderConfig } from '../../provisioning/provider.js';
import { openRecords } from '../../provisioning/records-wiring.js';
import { openRooms, type Rooms } from '../../provisioning/rooms.js';
import { type Control, openControl } from '../../provisioning/store/control/control.js';
import { moveControl } from '../../provisioning/store/control/move.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import { openStore, type Store, storeVersion } from '../../provisioning/store/store.js';
import { readTerritory } from '../../provisioning/territory.js';

const log = pino({ level: 'silent' });

type Parts = Parameters<typeof createProvider>[1];

/** Where the records of each directory went. */
const moved = new Map<string, string>();

async function databaseOn(server: string): Promise<string> {
  const name = `r${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(server);
  url.pathname = name;
  return url.href;
}

/** What boxes tell, and the records: both go there. The directory is not served. */
export async function moveAll(directory: string, url: string, { files, clock }: Parts): Promise<void> {
  const { settleMove } = await import('../../provisioning/fleet/moving.js');
  const rooms = await openRooms({ directory, files, clock });
  const fleet = await openPostgresFleet({ url, territory: rooms.territory.id, clock });
  await settleMove({ store: rooms.store, fleet, clock });
  await fleet.close();
  await rooms.close();
  await moveControl({ directory, url, territory: rooms.territory.id, version: storeVersion });
}

/** Commands find no records in the directory, and ask a server. */
export const isElsewhere = process.env.RECORDS_SERVER === undefined ? false : 'the records are in PostgreSQL';

/** What a command would open that runs without a server, wherever the records are. */
export async function roomsOf(wish: Parameters<typeof openRooms>[0]): Promise<Rooms> {
  const url = moved.get(path.resolve(wish.directory));
  if (url === undefined) return openRooms(wish);
  const place = { directory: wish.directory, host: 'localhost', portBase: 0, url };
  const records = await openRecords(place, { files: wish.files, clock: systemClock, log });
  await records?.own(new AbortController().signal);
  const openFleet = openDatabase({ url }, undefined, wish.clock, records?.token);
  const rooms = await openRooms({ ...wish, openFleet, records: records?.db });
  return {
    ...rooms,
    async close() {
      await rooms.close();
      await records?.stop();
    },
  };
}

/** The records without a provider, wherever they are; each time that they are opened there, into a copy of its own. */
export async function storeIn(directory: string): Promise<Store> {
  const server = process.env.RECORDS_SERVER;
  if (server === undefined) return openStore(directory);
  const place = path.resolve(directory);
  let url = moved.get(place);
  if (url === undefined) {
    await (await openStore(place)).close();
    url = await databaseOn(server);
    await moveControl({ directory: place, url, territory: 'test', version: storeVersion });
    moved.set(place, url);
  }
  const name = `copy-${randomBytes(6).toString('hex')}`;
  const control = await openControl({
    ...{ url, territory: 'test', machine: name, name, version: storeVersion, clock: systemClock, log },
    location: path.join(place, name),
    files: async () => ({}),
  });
  if (!control) throw new Error('the records are elsewhere');
  await control.own(new AbortController().signal);
  const store = await openStore('', control.db);
  return {
    ...store,
    async close() {
      await store.close();
      await control.stop();
    },
  };
}

/** As `serve` does it, in this process. */
export function providerOf(config: ProviderConfig, parts: Parts): Provider {
  const server = process.env.RECORDS_SERVER;
  if (server === undefined || config.database) return createProvider(config, parts);
  const { directory, host, portBase } = config;
  const place = path.resolve(directory);
  let records: Control | undefined;
  let provider: Provider | undefined;
  const stop = async () => {
    await provider?.stop();
    await records?.stop();
  };
  return {
    get urls() {
      return provider?.urls ?? { est: '', broker: '', console: '' };
    },
    async start() {
      let url = moved.get(place);
      if (url === undefined) {
        await readTerritory(parts.files, directory); // before anything is made
        url = await databaseOn(server);
        await moveAll(directory, url, parts);
        moved.set(place, url);
      }
      records = await openRecords({ directory, host, portBase, url }, { ...parts, clock: systemClock });
      await records?.own(new AbortController().signal);
      provider = createProvider({ ...config, database: { url }, records }, parts);
      await provider.start();
    },
    stop,
  };
}
