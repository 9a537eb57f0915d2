/** A sublevel of the provider's database, whose values are JSON. Each concern says in a file of its own which it has. */
import type { AbstractSublevel } from 'abstract-level';
import type { Database } from '#common/commits.js';

export const sublevel = <V>(
  db: Database,
  name: string,
): AbstractSublevel<Database, string | Buffer | Uint8Array, string, V> =>
  db.sublevel<string, V>(name, { valueEncoding: 'json' });
