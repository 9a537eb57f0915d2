/** `--database`: an address, or a file that holds it, since a command line is read by everybody on the machine. */
import { checkDatabaseUrl } from '../store/postgres/address.js';
import { fileText } from './arguments.js';

/** @throws Refusal `database-address`, `arguments-invalid` */
export const databaseOf = async (value: string): Promise<string> =>
  checkDatabaseUrl(/^postgres(ql)?:/.test(value) ? value : await fileText(value));
