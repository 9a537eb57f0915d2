/** `--database`: an address, or a file that holds it, since a command line is read by everybody on the machine. */
import { Refusal } from '#contract/problems.js';
import type { DatabaseConfig } from '../database-wiring.js';
import { type Keep, usualKeep } from '../store/fleet.js';
import { checkDatabaseUrl } from '../store/postgres/address.js';
import { duration, fileText, text } from './arguments.js';

/** @throws Refusal `database-address`, `arguments-invalid` */
const databaseOf = async (value: string): Promise<string> =>
  checkDatabaseUrl(/^postgres(ql)?:/.test(value) ? value : await fileText(value));

export const databaseOptions = {
  database: text,
  'database-file': text,
  ...{ 'keep-raw': text, 'keep-minutes': text, 'keep-hours': text, 'keep-events': text },
} as const;

type Values = { readonly [name in keyof typeof databaseOptions]?: string | undefined };

const day = 86_400;
const days = (value: string | undefined, name: string, usual: number): number =>
  value === undefined ? usual : Math.ceil(duration(value, name, [day, 36_500 * day]) / day);

/** @throws Refusal `arguments-invalid` */
export function keepOf(values: Values): Keep {
  const keep = {
    rawDays: days(values['keep-raw'], '--keep-raw', usualKeep.rawDays),
    minutesDays: days(values['keep-minutes'], '--keep-minutes', usualKeep.minutesDays),
    hoursDays: days(values['keep-hours'], '--keep-hours', usualKeep.hoursDays),
    eventsDays: days(values['keep-events'], '--keep-events', usualKeep.eventsDays),
  };
  if (keep.rawDays > keep.minutesDays || keep.minutesDays > keep.hoursDays)
    throw new Refusal('arguments-invalid', '--keep-raw is at most --keep-minutes, and that at most --keep-hours');
  return keep;
}

/** @throws Refusal `database-address`, `arguments-invalid` */
export async function databaseFrom(values: Values): Promise<DatabaseConfig | undefined> {
  const { database, 'database-file': file } = values;
  if (database !== undefined && file !== undefined)
    throw new Refusal('arguments-invalid', '--database and --database-file say the same: give one of them');
  if (file !== undefined) return { url: checkDatabaseUrl(await fileText(file)) };
  return database === undefined ? undefined : { url: await databaseOf(database) };
}
