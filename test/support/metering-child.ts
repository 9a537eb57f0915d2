/**
 * A box that counts and is cut: `node metering-child.js FOLDER FROM CUT`. From the key FROM on it counts one page under
 * each, three at a time, and prints each key that it was answered for. Before its CUT-th commit, or just behind it where
 * that is negative, comes SIGKILL.
 */
import { writeSync } from 'node:fs';
import { systemClock } from '#common/clock.js';
import { agreedPlan } from '#contract/plan-digest.js';
import { createMetering } from '../../agent/metering/metering.js';
import { openStore } from '../../agent/store/store.js';
import { planOf } from './terms-box.js';

export const countedPlan = agreedPlan(
  planOf({ prices: [{ amount: '0.015', currency: 'EUR', per: 'unit', unit: 'page' }] }),
);
export const under = {
  ...{ agreement: 'agreement-00000000000000000001', app: 'acme.visits', member: 'acme', box: 'box-000000000001' },
  ...{ plan: countedPlan, at: 0, since: 0, earlier: [] as string[] },
};

if (process.argv[1]?.endsWith('metering-child.js')) {
  const [folder = '', from = '1', cut = '1'] = process.argv.slice(2);
  const store = await openStore(folder);
  let commits = 0;
  const kill = (): void => void process.kill(process.pid, 'SIGKILL');
  const metering = await createMetering({
    store: {
      db: store.db,
      async commit(operations) {
        commits += 1;
        if (commits === Number(cut)) kill();
        await store.commit(operations);
        if (commits === -Number(cut)) kill();
      },
    },
    ledger: { decide: async () => {} },
    clock: systemClock,
    isTimeKnown: () => true,
    onTime: () => () => {},
    under: () => under,
    isTold: () => true,
    box: () => undefined,
    signing: async () => undefined,
    tell: async () => ({ taken: [] }),
    onRefused() {},
  });
  for (let key = Number(from); ; key += 3)
    await Promise.all(
      [key, key + 1, key + 2].map(async (one) => {
        await metering.count(under.app, { unit: 'page', quantity: '1' }, String(one));
        writeSync(1, `${one}\n`);
      }),
    );
}
