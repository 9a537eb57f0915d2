/** `migrate-store`: what boxes have told goes from the level store to PostgreSQL, while they are served. */
import path from 'node:path';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { copyToDatabase } from '../database-wiring.js';
import { giveUpMove } from '../fleet/move-state.js';
import { openRooms } from '../rooms.js';
import { checkDirectory, controlSocket } from '../territory.js';
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

export const migrateStore: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ dir: text, to: text, database: text, 'database-file': text, 'give-up': flag },
  });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  await checkDirectory(directory);
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
