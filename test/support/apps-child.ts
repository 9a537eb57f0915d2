/** A supervisor with one app in a process of its own, to be killed. */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { createApps } from '../../agent/apps/apps.js';

const directory = process.argv[2] ?? '';
const apps = createApps({
  apps: [{ id: 'app', command: [process.execPath, '-e', 'setInterval(() => {}, 1e6)'], grants: [], quotaBytes: 0 }],
  dataDir: path.join(directory, 'data'),
  runtimeDir: path.join(directory, 'run'),
  socketOf: () => '/none',
  clock: systemClock,
  log: { info: () => {}, warn: () => {} },
});
await apps.start();
process.send?.(apps.show('app')?.pid);
setInterval(() => {}, 1e6);
