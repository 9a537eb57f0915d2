/**
 * The provider's suites hold where its records are in PostgreSQL as they do where these are in its directory: they are
 * run again, as they are, each in a process of its own.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { testPostgres } from '../support/postgres.js';

/** `SUITES=members,links` runs others. */
const suites = (process.env.SUITES ?? 'est,admission,revocation,agreements,usage').split(',');

const server = await testPostgres(t, { fsync: 'off', max_connections: '200' });

for (const suite of suites)
  t.test(`${suite}, with the records in PostgreSQL`, async (t) => {
    const program = path.join(import.meta.dirname, `${suite}.test.js`);
    const child = spawn(process.execPath, [program], {
      env: { ...process.env, RECORDS_SERVER: server.url(), TAP: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    let passed = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (/^\s*ok /.test(line)) passed += 1;
      if (/^\s*not ok /.test(line) && !/# (TODO|SKIP)/i.test(line)) t.fail(line.trim());
    }
    const [code] = await ended;
    t.equal(code, 0);
    t.ok(passed > 5, `${passed} assertions`);
  });

t.test('and each of them wrote there', async (t) => {
  const databases = server.ask('postgres', `SELECT datname FROM pg_database WHERE datname ~ '^r[0-9a-f]{12}$'`);
  const written = databases.split('\n').map((name) => Number(server.ask(name, 'SELECT written FROM control')));
  t.ok(written.length >= suites.length);
  t.ok(
    written.every((count) => count > 1),
    `${Math.max(...written)} commits at most`,
  );
});
