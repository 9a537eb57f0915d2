/**
 * The standard API with one app that takes leases, tells its owner as much as it likes, and whose word that it is ready
 * is an event to all its streams. Of the agent's own rooms. Says the app's socket.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { createLedger } from '../../../agent/consent/ledger.js';
import { openLeases } from '../../../agent/leases/open.js';
import { createNotices } from '../../../agent/notices/notices.js';
import { openStore } from '../../../agent/store/store.js';
import { startApiBox } from '../../support/api-box.js';

const clock = systemClock;
const folder = await mkdtemp(path.join(tmpdir(), 'wz-'));
const store = await openStore(folder);
const notifications = await createNotices({ store, clock, limits: { aDay: Number.MAX_SAFE_INTEGER, kept: 50 } });
const room = await openLeases({
  store,
  ledger: await createLedger({ store, clock }),
  clock: { ...clock, trusted: () => true },
  monotonic: () => performance.now(),
  boot: 'bench',
  announce: () => false,
  onRefused: (refusal) => console.error(refusal),
});
room.start();
const box = await startApiBox([{ id: 'bench', grants: ['notify'], quotaBytes: 1000 }], {
  limits: { maxStreams: 64, maxConnections: 128 },
  features: {
    leases: room.leases,
    notifications,
    ready: (id) => void box.api.tell(id, { type: 'low-space', at: clock.now(), of: 'box', low: true }),
  },
});
const stopped = once(process, 'SIGTERM');
console.log(box.socket('bench'));
console.log('ready');
await stopped;
await box.stop();
await room.stop();
await store.close();
await rm(folder, { recursive: true, force: true });
