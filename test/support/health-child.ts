/**
 * Conditions over a store of their own, that end with SIGKILL at one step: `node health-child.js DIRECTORY STEP`. Steps are
 * `before` and `after` the commit that keeps what has begun, and `told`, when whoever listens has been told.
 */
import { writeSync } from 'node:fs';
import { createConditions } from '../../agent/health/conditions.js';
import { createKept } from '../../agent/health/kept.js';
import { openStarts } from '../../agent/health/starts.js';
import { openStore } from '../../agent/store/store.js';

const [directory = '', step = ''] = process.argv.slice(2);

function at(name: string): void {
  if (name === step) process.kill(process.pid, 'SIGKILL');
}

const store = await openStore(directory);
const kept = createKept(store);
await openStarts({ kept, boot: 'the-first-boot' });
let tick = 0;
const now = 1_790_000_000_000;
const conditions = await createConditions({
  kept: {
    ...kept,
    async saveConditions(all) {
      at('before');
      await kept.saveConditions(all);
      at('after');
    },
  },
  clock: { stamp: () => ({ at: now + tick }), bootTime: () => ({ boot: 'the-first-boot', zero: now }) },
  monotonic: () => tick,
  facts: () => ({}),
  onRefused(refusal) {
    throw refusal;
  },
});
conditions.subscribe(() => {
  writeSync(1, `${JSON.stringify(conditions.report())}\n`);
  at('told');
});
for (; tick < 3_600_000; tick += 60_000) await conditions.take({ 'hw.temperature': 85 });
