/** The fleet's data in each of its two stores, for tests that hold for both. */

import { unpackBuckets } from '../../provisioning/store/bucket-pack.js';
import type { FleetStore, Keep } from '../../provisioning/store/fleet.js';
import { createLevelFleet } from '../../provisioning/store/fleet-level.js';
import { openPostgresFleet } from '../../provisioning/store/postgres/fleet.js';
import type { Bucket } from '../../provisioning/store/rollup.js';
import { openStore, type Store } from '../../provisioning/store/store.js';
import { ownFolder } from './folder.js';
import { createManualClock, type ManualClock } from './manual-clock.js';
import { type TestPostgres, testPostgres } from './postgres.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface FleetRig {
  fleet: FleetStore;
  /** The control plane's, which is level beside both. */
  store: Store;
  clock: ManualClock;
  /** Done while it is closed. */
  whileClosed<T>(work: () => Promise<T>): Promise<T>;
  /** Closed and opened again. */
  reopen(): Promise<FleetStore>;
  /** How many samples the buckets stand for, by the metric `a`. */
  counted(): Promise<{ minutes: number; hours: number }>;
  /** What opens the same store in another process. */
  address: string;
}

export type OpenRig = (t: Teardown, keep?: Keep) => Promise<FleetRig>;

const territory = 'test';

/** How many samples buckets stand for, by the metric `a`. */
const countIn = (buckets: readonly Bucket[]): number => buckets.reduce((sum, { a }) => sum + (a?.[3] ?? 0), 0);

async function begun(t: Teardown) {
  const directory = await ownFolder(t);
  const store = await openStore(directory);
  t.teardown(() => store.close());
  return { directory, store, clock: createManualClock() };
}

export const openLevelRig: OpenRig = async (t, keep) => {
  const { directory, clock, ...first } = await begun(t);
  let { store } = first;
  const parts = () => ({ store, clock, ...(keep && { keep }) });
  const sum = async (packs: Store['hourPacks'], old: Store['rollupHours']) =>
    countIn([
      ...(await packs.values().all()).flatMap(unpackBuckets).map(({ bucket }) => bucket),
      ...(await old.values().all()),
    ]);
  const rig: FleetRig = {
    fleet: createLevelFleet(parts()),
    store,
    clock,
    address: directory,
    async whileClosed(work) {
      await store.close();
      try {
        return await work();
      } finally {
        await rig.reopen();
      }
    },
    async reopen() {
      await store.close();
      store = await openStore(directory);
      const opened = store;
      t.teardown(() => opened.close());
      rig.store = store;
      rig.fleet = createLevelFleet(parts());
      return rig.fleet;
    },
    counted: async () => ({
      minutes: await sum(store.minutePacks, store.rollupMinutes),
      hours: await sum(store.hourPacks, store.rollupHours),
    }),
  };
  return rig;
};

let number = 0;

export const openPostgresRig =
  (server: TestPostgres): OpenRig =>
  async (t, keep) => {
    number += 1;
    const database = `fleet${number}`;
    const url = server.create(database);
    const { store, clock } = await begun(t);
    const open = () => openPostgresFleet({ url, territory, clock, keep });
    const lines = (statement: string) => server.ask(database, statement).split('\n').filter(Boolean);
    const sum = (kind: 'minute' | 'hour') =>
      countIn([
        ...lines(`SELECT encode(pack, 'hex') FROM ${kind}_packs`).flatMap((pack) =>
          unpackBuckets(Buffer.from(pack, 'hex')).map(({ bucket }) => bucket),
        ),
        ...lines(`SELECT bucket FROM ${kind}s`).map((bucket): Bucket => JSON.parse(bucket)),
      ]);
    const rig: FleetRig = {
      fleet: await open(),
      store,
      clock,
      address: url,
      whileClosed: (work) => work(), // it is anybody's
      async reopen() {
        await rig.fleet.close();
        rig.fleet = await open();
        return rig.fleet;
      },
      counted: async () => ({ minutes: sum('minute'), hours: sum('hour') }),
    };
    t.teardown(() => rig.fleet.close());
    return rig;
  };

/** Both, with one server for the file. */
export async function fleetStores(t: Teardown): Promise<{ name: string; open: OpenRig }[]> {
  const server = await testPostgres(t, { fsync: 'off' });
  return [
    { name: 'level', open: openLevelRig },
    { name: 'PostgreSQL', open: openPostgresRig(server) },
  ];
}
