/** A provider beside PostgreSQL, with a box of its own: nothing is lost and nothing doubled, whichever of them is away. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { testBox } from '../support/box.js';
import { ownFolder } from '../support/folder.js';
import { testPostgres } from '../support/postgres.js';
import { askCommand, type ProviderWish, runCommand, testProvider } from '../support/provider.js';
import { storedRows } from '../support/stored.js';

const server = await testPostgres(t, { fsync: 'off' });

/** Of the one box whose samples are there. */
function isWhole(t: Test, database: string): void {
  const sequences = storedRows(server, database).map((row) => Number(row.split(' ')[2]));
  const highest = Math.max(0, ...sequences);
  t.strictSame([sequences.length, new Set(sequences).size], [highest, highest], 'every sequence is there once');
}

t.test('a box reports into PostgreSQL, through restarts of it and of the provider', async (t) => {
  const url = server.create('journey');
  const provider = await testProvider(t, { provider: { database: { url } } });
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  const first = await box.until(({ health: { acknowledged }, link }) => link.online && acknowledged > 0);
  const id = first.box ?? '';
  const none = () => Number(server.ask('journey', 'SELECT count(*) FROM lives WHERE online'));
  t.equal(none(), 1, 'it is here');

  await server.kill();
  const before = await box.until(({ health: { waiting } }) => waiting >= 2);
  await server.start();
  const after = await box.until(({ health }) => health.acknowledged > before.health.lastSequence);
  await provider.stop();
  const away = await box.until(({ link, health: { waiting } }) => !link.online && waiting >= 1);
  await provider.start();
  const back = await box.until(({ health }) => health.acknowledged > away.health.lastSequence);
  t.ok(back.health.acknowledged > after.health.acknowledged);
  isWhole(t, 'journey');

  const shown = await provider.api<{ gaps: number; state: string }>(`/v1/boxes/${id}`);
  t.match(shown, { gaps: 0, state: 'online' });
  const samples = await provider.api<{ at: number }[]>(`/v1/boxes/${id}/health?from=0&limit=1000`);
  t.ok(samples.length >= Math.min(1000, back.health.acknowledged));
  t.match(
    server.ask('journey', "SELECT type FROM events WHERE type IN ('enrolled', 'claim-created') ORDER BY id"),
    /claim-created\nenrolled/,
  );

  await provider.api(`/v1/boxes/${id}/revoke`, { method: 'POST', body: {} });
  await provider.happened(({ type, box: whose }) => type === 'revoked' && whose === id);
  await provider.stop();
  await provider.start();
  await provider.happened(({ type, box: whose }) => type === 'revoked' && whose === id);
  t.match(server.ask('journey', `SELECT admission FROM boxes WHERE box = '${id}'`), /revokedAt/);
  await box.stop();
});

t.test('a provider moves from its directory to PostgreSQL while its box goes on reporting', async (t) => {
  const wish: ProviderWish = {};
  const provider = await testProvider(t, { provider: wish });
  await provider.start();
  const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
  await box.start();
  await box.until(({ health: { acknowledged }, link }) => link.online && acknowledged > 0);
  const url = server.create('moved');
  const file = path.join(await ownFolder(t), 'database');
  await writeFile(file, `${url}\n`, { mode: 0o600 });
  const move = () =>
    askCommand('webizen-provider', ['migrate-store', '--dir', provider.directory, '--database-file', file]);
  t.match(await move(), { status: 0, stdout: /^1 boxes copied with \d+ samples/ });
  const copied = box.agent?.status().health.acknowledged ?? 0; // what came while it was copied may be in the copy
  await box.until(({ health }) => health.acknowledged > copied);
  t.match(await move(), { status: 0, stdout: /^1 boxes copied/ });
  await provider.stop();
  wish.database = { url };
  await provider.start();
  const stopped = await box.until(({ health }) => health.acknowledged > 0);
  await box.until(({ health }) => health.acknowledged > stopped.health.lastSequence);
  await provider.stop();
  await box.stop();
  isWhole(t, 'moved');
  delete wish.database;
  await t.rejects(provider.start(), { code: 'store-moved' });
});

t.test('a database that does not serve ends the start, with a code and no password', async (t) => {
  const provider = await testProvider(t);
  const folder = await ownFolder(t);
  const file = path.join(folder, 'database');
  const serve = (...args: string[]) =>
    runCommand('webizen-provider', ['serve', '--dir', provider.directory, '--port-base', '0', ...args]);
  const url = server.create('refused');
  const cases: [string, RegExp][] = [
    [url.replace(new URL(url).password, 'n0t-this'), /database-denied/],
    ['postgres://user:n0t-this@127.0.0.1:1/name', /database-unreachable/],
    ['http://user:n0t-this@127.0.0.1/name', /database-address/],
  ];
  for (const [text, code] of cases) {
    await writeFile(file, `${text}\n`, { mode: 0o600 });
    const { status, stdout, stderr } = serve('--database-file', file);
    t.not(status, 0);
    t.match(stderr, code);
    t.notMatch(stdout + stderr, /n0t-this/);
  }
  t.match(serve('--database', url, '--database-file', file).stderr, /arguments-invalid/);
  t.match(serve('--database-file', path.join(folder, 'nowhere')).stderr, /arguments-invalid/);
  t.match(serve('--keep-raw', '100d').stderr, /arguments-invalid/);
});
