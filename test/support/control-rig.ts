/** The control plane's records in a database of their own, and whoever holds them or stands by, in this process. */
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { type Control, type ControlParts, openControl } from '../../provisioning/store/control/control.js';
import { moveControl } from '../../provisioning/store/control/move.js';
import { openStore, type Store, storeVersion } from '../../provisioning/store/store.js';
import { ownFolder } from './folder.js';
import type { TestPostgres } from './postgres.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface ControlRig {
  url: string;
  database: string;
  /** Neither holds them nor follows yet. */
  open(machine: string, wish?: Partial<ControlParts>): Promise<Control>;
  /** Once they are its own. */
  own(machine: string, wish?: Partial<ControlParts>): Promise<{ control: Control; store: Store }>;
  /** Of a key as level has it, in the database. */
  valueOf(key: string): string;
  written(): number;
}

let number = 0;

export async function controlRig(t: Teardown, server: TestPostgres): Promise<ControlRig> {
  number += 1;
  const database = `control${number}`;
  const url = server.create(database);
  const folder = await ownFolder(t);
  const first = path.join(folder, 'moved');
  await (await openStore(first)).close();
  await moveControl({ directory: first, url, territory: 'test', version: storeVersion });
  const open: ControlRig['open'] = async (machine, wish) => {
    const control = await openControl({
      ...{ url, territory: 'test', machine, name: machine, version: storeVersion, leaseMilliseconds: 60_000 },
      location: path.join(folder, machine),
      files: async () => ({}),
      clock: systemClock,
      log: pino({ level: 'silent' }),
      ...wish,
    });
    if (!control) throw new Error('the records are elsewhere');
    t.teardown(() => control.stop());
    return control;
  };
  return {
    ...{ url, database, open },
    async own(machine, wish) {
      const control = await open(machine, wish);
      await control.own(new AbortController().signal);
      return { control, store: await openStore('', control.db) };
    },
    valueOf: (key) =>
      server.ask(database, `SELECT convert_from(value, 'UTF8') FROM control_records WHERE key = '${key}'::bytea`),
    written: () => Number(server.ask(database, 'SELECT written FROM control')),
  };
}
