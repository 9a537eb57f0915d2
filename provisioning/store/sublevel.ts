/** A sublevel of the provider's database: JSON, or bytes. Each concern says in a file of its own which it has. */
import type { AbstractSublevel } from 'abstract-level';
import type { Database } from '#common/commits.js';

export const sublevel = <V>(
  db: Database,
  name: string,
  valueEncoding: 'json' | 'buffer' = 'json',
): AbstractSublevel<Database, string | Buffer | Uint8Array, string, V> =>
  db.sublevel<string, V>(name, { valueEncoding });
