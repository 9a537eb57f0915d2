/** A box lives for years: what it holds open and what it keeps must not become more from one day to the next. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { newSetupCode } from '#contract/setup-code.js';
import { parseConfig } from '../../agent/config.js';
import { dailyLife } from '../support/daily-life.js';
import { answerByClock } from '../support/dated.js';
import { ownFolder } from '../support/folder.js';
import { alive, heldOpen, rowsOf } from '../support/held.js';
import { createManualClock } from '../support/manual-clock.js';
import { passingBox } from '../support/passing-box.js';
import { testProvider } from '../support/provider.js';

t.test('a box holds no more after three days than after two', async (t) => {
  const clock = createManualClock(Date.now());
  t.teardown(answerByClock(clock));
  const provider = await testProvider(t, { provider: { clock } });
  await provider.start();
  const folder = await ownFolder(t);
  const at = (name: string) => path.join(folder, name);
  const setupCode = newSetupCode();
  await mkdir(at('boot'));
  await writeFile(at('boot/webizen.json'), JSON.stringify({ setupCode }));
  await writeFile(at('claim'), (await provider.claim()).code);
  const app = { id: 'diary', command: ['sleep', '1000000'], grants: ['storage', 'health.read', 'notify'] };
  const config = parseConfig(
    JSON.stringify({
      ...{ dataDir: at('data'), runtimeDir: at('run'), bootDir: at('boot'), claimCodeFile: at('claim') },
      ...{ territory: { est: provider.est, caSha256: provider.caSha256 } },
      owner: { host: '127.0.0.1', port: 0, mdns: false },
      health: { intervalSeconds: 1200, batchSeconds: 3600 },
      apps: [{ ...app, quotaBytes: 2 ** 20 }],
    }),
  );
  const log = pino({ level: 'silent' });
  const box = passingBox({ config, clock, log, ownerAssets: path.resolve('build/owner') });
  t.teardown(() => box.agent.stop());
  await box.agent.start();
  await box.connect();
  const life = dailyLife({
    ...{ socketPath: at('run/apps/diary/api.sock'), ownerPort: box.agent.console()?.port ?? 0, setupCode },
  });
  t.teardown(() => life.end());
  await life.setUp();

  async function day() {
    for (const hour of [0, 4, 8, 12, 16, 20]) {
      if (hour === 4) {
        await provider.stop();
        await provider.start();
        await box.connect();
      }
      box.setFull(hour === 12);
      await life.hour(hour);
      await box.pass(12);
    }
    const { ledger, ...rows } = await rowsOf(box.agent.rooms().store.db);
    return { ledger, kept: { rows, open: heldOpen(), waiting: clock.held() }, live: alive() };
  }

  await day();
  const second = await day();
  const third = await day();
  t.strictSame(third.kept, second.kept, 'rows, descriptors, timers, sleepers and their listeners');
  // Equal where nothing else is under way in this process; a day has seventy samples, and as many calls of the API.
  for (const [kind, count] of Object.entries(third.live))
    t.ok(count - (second.live[kind] ?? 0) < 16, `live ${kind}: ${second.live[kind]}, then ${count}`);
  t.equal(third.ledger, (second.ledger ?? 0) + 1, 'the ledger alone grows: by one sign-in a day');
  t.equal(third.kept.rows.outbox, undefined, 'all samples are the provider’s');
});
