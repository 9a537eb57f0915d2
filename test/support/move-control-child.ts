/** Moves the control plane's records in a process of its own, to be killed. Arguments: directory, URL, before which step. */
import { moveControl } from '../../provisioning/store/control/move.js';

const [directory = '', url = '', step = ''] = process.argv.slice(2);
let left = Number(step);
const count = await moveControl({
  ...{ directory, url, territory: 'test', version: 1 },
  async before(name) {
    if (left-- > 0) return;
    console.log(`stands ${name}`);
    await new Promise<never>(() => setInterval(() => {}, 1000));
  },
});
console.log(`done ${count}`);
