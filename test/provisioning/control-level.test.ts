/**
 * The copy of the control plane's records is a level database like any other: abstract-level's own suite passes on it,
 * while every write of it goes through PostgreSQL, where afterwards stands what stands in the copies.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Level } from 'level';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { createControlLease } from '../../provisioning/store/control/lease.js';
import { controlMigrations } from '../../provisioning/store/control/schema.js';
import { type Change, ThroughLevel } from '../../provisioning/store/control/through-level.js';
import { createWriter } from '../../provisioning/store/control/writer.js';
import { migrate } from '../../provisioning/store/postgres/migrate.js';
import { openSessions } from '../../provisioning/store/postgres/sessions.js';
import { ownFolder } from '../support/folder.js';
import { testPostgres } from '../support/postgres.js';
import { createTape, type Tape } from '../support/tape.js';

const suite = createRequire(import.meta.url)('abstract-level/test') as (options: {
  test: Tape;
  factory(options?: object): ThroughLevel;
}) => void;

const server = await testPostgres(t, { fsync: 'off' });
const sessions = openSessions(server.create('suite'));
t.teardown(() => sessions.end());
await migrate(sessions, 'test');
await migrate(sessions, 'test', controlMigrations, 'control_migrations');
await sessions.ask(`UPDATE control SET state = 'here'`);
const held = await createControlLease(sessions).take('suite', 600_000);
if (!held) throw new Error('there is nobody else');
const writer = createWriter({
  ...{ sessions, held, leaseMilliseconds: 600_000, clock: systemClock },
  onLost() {},
});
const folder = await ownFolder(t);
const copies: { location: string; db: ThroughLevel }[] = [];
/** Each database has keys of its own in the one table. */
const within = (number: number, key: string | Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`${String(number).padStart(6, '0')} `), Buffer.from(key as string)]);

let last: Promise<unknown> = Promise.resolve();
/** The writer takes one at a time, as one store hands them. */
function write(changes: readonly Change[]): Promise<readonly Change[]> {
  const next = last.then(() => writer.write(changes));
  last = next.catch(() => {});
  return next.then(() => []);
}

const tape = createTape();
suite({
  test: tape.test,
  factory(options = {}) {
    const number = copies.length;
    const location = path.join(folder, String(number));
    const db = new ThroughLevel(
      location,
      {
        write: (changes) => write(changes.map((change) => ({ ...change, key: within(number, change.key) }))),
        torn: (error) => t.fail(String(error)),
      },
      options,
    );
    copies.push({ location, db });
    return db;
  },
});

t.test("abstract-level's own suite", (t) => tape.all(t));

t.test('and what stands in a copy stands in PostgreSQL', async (t) => {
  const rows = await sessions.ask<{ key: Buffer; value: Buffer }>(
    'SELECT key, value FROM control_records WHERE value IS NOT NULL ORDER BY key',
  );
  const texts = rows.map(({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`);
  t.ok(texts.length > 100, `${texts.length} records of ${copies.length} databases`);
  // To open each of them again would take longer than the suite.
  for (const [number, { location, db }] of [...copies.entries()].filter(([index]) => index % 12 === 0)) {
    const isClosed = await db.close().then(
      () => true,
      () => false, // that which is about a database that cannot be closed
    );
    if (!isClosed) continue;
    const copy = new Level<Buffer, Buffer>(location, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    await copy.open();
    const found: string[] = [];
    for await (const [key, value] of copy.iterator())
      found.push(`${Buffer.from(within(number, key)).toString('hex')} ${value.toString('hex')}`);
    await copy.close();
    const its = Buffer.from(within(number, '')).toString('hex');
    t.strictSame(
      found,
      texts.filter((text) => text.startsWith(its)),
    );
  }
  await writer.stop();
});
