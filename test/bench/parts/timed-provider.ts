/** A provider whose clock is moved by hand. Argument: how long its certificates last. Says where it is; then each message is answered. */
import { pino } from 'pino';
import { answerByClock } from '../../support/dated.js';
import { createManualClock } from '../../support/manual-clock.js';
import { testProvider } from '../../support/provider.js';

const [leafLifetime = ''] = process.argv.slice(2);
const ends: (() => unknown)[] = [];
const clock = createManualClock(Date.now());
answerByClock(clock);
const log = pino({ level: 'fatal' });
const provider = await testProvider(
  { teardown: (work) => void ends.push(work) },
  { leafLifetime, provider: { clock, log } },
);
await provider.start();
const { code } = await provider.claim();

process.on('message', async ({ seconds, again }: { seconds?: number; again?: true }) => {
  if (seconds) await clock.pass(seconds * 1000);
  if (again) {
    await provider.stop();
    await provider.start();
  }
  process.send?.({});
});
process.once('SIGTERM', async () => {
  for (const end of ends.reverse()) await end();
  process.exit();
});
console.log(JSON.stringify({ est: provider.est, caSha256: provider.caSha256, code, now: clock.now() }));
console.log('ready');
