/**
 * `migrate-store`: what boxes have told goes from the level store to PostgreSQL, while they are served; with `--control`
 * the control plane's records too, while nobody serves.
 */
import path from 'node:path';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { copyToDatabase, openDatabase } from '../database-wiring.js';
import { giveUpMove } from '../fleet/move-state.js';
import { openRooms } from '../rooms.js';
import { storeVersion } from '../store/store.js';
import { checkDirectory, controlSocket, readTerritory } from '../territory.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { databaseFrom } from './database.js';

const Result = Type.Object({ boxes: Type.Number(), unchanged: Type.Number(), samples: Type.Number() });

async function offline<T>(directory: string, work: (rooms: Awaited<ReturnType<typeof openRooms>>) => Promise<T>) {
  const rooms = await openRooms({ directory, files, clock: systemClock });
  try {
    return await work(rooms);
  } finally {
    await rooms.close();
  }
}

async function moved(directory: string, url: string): Promise<unknown> {
  try {
    return await callControl(controlSocket(directory), 'store.move', { url });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'not-running') throw error;
  }
  return offline(directory, (rooms) => copyToDatabase({ url }, systemClock, rooms));
}

async function moveRecords(
  directory: string,
  { isGivenUp, ...values }: { to?: string; database?: string; 'database-file'?: string; isGivenUp?: boolean },
): Promise<string> {
  const database = await databaseFrom({ ...values, database: values.to ?? values.database });
  if (!database) throw new Refusal('arguments-invalid', '--to or --database-file says where to');
  const { url } = database;
  const { giveUpControl, moveControl } = await import('../store/control/move.js');
  if (isGivenUp) {
    await giveUpControl({ directory, url, version: storeVersion });
    return 'The move is given up: serve goes on with the records in the directory.';
  }
  const { id } = await readTerritory(files, directory);
  try {
    // What boxes have told goes first, all of it.
    const openFleet = openDatabase({ url }, undefined, systemClock);
    await (await openRooms({ directory, files, clock: systemClock, openFleet })).close();
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'store-moved') throw error; // it was begun before
  }
  const count = await moveControl({ directory, url, territory: id, version: storeVersion });
  return count === undefined
    ? 'The records are there already.'
    : `${count} records moved. Start it with that database: the directory holds keys from now on, and no records.`;
}

export const migrateStore: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ dir: text, to: text, database: text, 'database-file': text, 'give-up': flag, control: flag },
  });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  await checkDirectory(directory);
  if (values.control) return out(await moveRecords(directory, { ...values, isGivenUp: values['give-up'] }));
  if (values['give-up']) {
    await offline(directory, ({ store }) => giveUpMove(store));
    return out('The move is given up: serve goes on without a database. Empty that one before it is named again.');
  }
  const database = await databaseFrom({ ...values, database: values.to ?? values.database });
  if (!database) throw new Refusal('arguments-invalid', '--to or --database-file says where to');
  const result = check(Result, await moved(directory, database.url));
  if (!result.ok) throw new Error(`cannot read the answer: ${describeFaults(result.faults)}`);
  const { boxes, unchanged, samples } = result.value;
  out(`${boxes} boxes copied with ${samples} samples; ${unchanged} were there as they are`);
  out('Now stop the provider and start it with that database: what comes until then is moved at the start.');
};
