/** A box's standard API in a process of its own, to be killed. */
import { allGrants, startApiBox } from './api-box.js';

const box = await startApiBox([{ id: 'a', grants: allGrants, quotaBytes: 2 ** 30 }], { directory: process.argv[2] });
process.send?.(box.socket('a'));
