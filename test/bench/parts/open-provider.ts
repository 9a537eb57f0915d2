/** A provider that lets in every device of the makers that its directory lists. Argument: where it is. */
import { once } from 'node:events';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { createProvider } from '../../../provisioning/provider.js';

const [directory = ''] = process.argv.slice(2);
const provider = createProvider(
  {
    ...{ directory, host: '127.0.0.1', portBase: 0, assetsDir: path.resolve('build/console') },
    ...{ admission: new Set(['open-for-accredited-makers'] as const), enrolmentsPerSecond: 1_000_000 },
  },
  { files, clock: systemClock, log: pino({ level: 'fatal' }) },
);
const stopped = once(process, 'SIGTERM');
await provider.start();
console.log(new URL(provider.urls.est).port);
console.log('ready');
await stopped;
await provider.stop();
