/**
 * A box's standard API whose one app has an agreement, over a real store. Arguments: a folder. It says where the app's
 * socket is. A new agreement begins before there are more entries of one than a box keeps.
 */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { mostEntries } from '#contract/metering.js';
import { createMetering } from '../../../agent/metering/metering.js';
import { openStore } from '../../../agent/store/store.js';
import { startApiBox } from '../../support/api-box.js';
import { under } from '../../support/metering-child.js';

const [folder = ''] = process.argv.slice(2);
const app = 'counting';
const store = await openStore(path.join(folder, 'usage'));
let asked = 0;
const metering = await createMetering({
  ...{ store, ledger: { decide: async () => {} }, clock: systemClock },
  isTimeKnown: () => true,
  onTime: () => () => {},
  under() {
    asked += 1;
    const number = Math.floor((2 * asked) / mostEntries);
    return { ...under, app, agreement: `agreement-${String(number).padStart(20, '0')}` };
  },
  isTold: () => true,
  box: () => undefined,
  signing: async () => undefined,
  tell: async () => ({ taken: [] }),
  onRefused(refusal) {
    throw refusal;
  },
});
const box = await startApiBox([{ id: app, grants: ['storage', 'metering'], quotaBytes: 2 ** 32 }], {
  ...{ directory: path.join(folder, 'box'), features: { metering } },
});
process.once('SIGTERM', () => process.exit());
console.log(box.socket(app));
console.log('ready');
