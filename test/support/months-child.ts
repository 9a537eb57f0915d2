/**
 * A box that keeps what its months came to, and is cut: `node months-child.js PROVIDER BOX CUT`. Before its CUT-th commit, or
 * just behind it where that is negative, comes SIGKILL. When it has asked it prints how many commits that took.
 */
import { writeSync } from 'node:fs';
import { openStore as openProviderStore } from '../../provisioning/store/store.js';
import { createManualClock } from './manual-clock.js';
import { askingOf, knowing, openMonthsBox } from './months-box.js';

const [provider = '', folder = '', cut = '0'] = process.argv.slice(2);
const kill = (): void => void process.kill(process.pid, 'SIGKILL');
let commits = 0;
const store = await openProviderStore(provider);
const box = await openMonthsBox(folder, {
  clock: createManualClock(Date.UTC(2028, 1, 1)),
  ask: askingOf(store),
  knows: () => knowing([], []),
  commit: (commit) => async (operations) => {
    commits += 1;
    if (commits === Number(cut)) kill();
    await commit(operations);
    if (commits === -Number(cut)) kill();
  },
});
await box.months.ask();
writeSync(1, String(commits));
await box.close();
await store.close();
