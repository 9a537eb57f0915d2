/**
 * A box's standard API in a process of its own, to be attacked: `hostile` has what an app can be granted, `beside` has its
 * storage. Outside is a table of names; what is dialled is told, and only the public address leads anywhere: to an echo.
 * Told `dialled`, it answers with the list.
 */
import { connect, Socket } from 'node:net';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import type { Capability } from '#contract/capabilities.js';
import { createEgress } from '../../agent/egress/egress.js';
import { createNotices } from '../../agent/notices/notices.js';
import { openStore } from '../../agent/store/store.js';
import { startApiBox } from './api-box.js';

export interface AttackedBox {
  folder: string;
  /** Of the echo, on loopback. */
  port: number;
  /** What each name leads to, the first time, the second time …; the last goes on. */
  names: Record<string, string[][]>;
  public: string;
}

if (process.argv[1]?.endsWith('attacked-box-child.js')) {
  const wish = JSON.parse(process.argv[2] ?? '') as AttackedBox;
  const asked = new Map<string, number>();
  const dialled: string[] = [];
  const egress = createEgress({
    async resolve(name) {
      const found = wish.names[name];
      const count = asked.get(name) ?? 0;
      asked.set(name, count + 1);
      if (!found) throw new Error('queryA ENOTFOUND');
      return found[Math.min(count, found.length - 1)] ?? [];
    },
    dialTo(address, port) {
      dialled.push(`${address}:${port}`);
      if (address !== wish.public) return new Socket().destroy(new Error('nothing else is outside'));
      return connect({ host: '127.0.0.1', port: wish.port, allowHalfOpen: true });
    },
    ownNetworks: () => ['203.0.114.7/24'],
    clock: systemClock,
  });
  const store = await openStore(path.join(wish.folder, 'notices'));
  const grants: Capability[] = [
    ...(['storage', 'notify', 'health.read', 'identity.attest'] as const),
    ...Object.keys(wish.names).map((name): Capability => `network.egress:${name}`),
  ];
  const box = await startApiBox(
    [
      { id: 'hostile', grants, quotaBytes: 1024 ** 2 },
      { id: 'beside', grants: ['storage'], quotaBytes: 1024 ** 2 },
    ],
    {
      directory: wish.folder,
      tunnels: egress,
      // As on a box, but for how long it is waited.
      limits: { headersMilliseconds: 1000, requestMilliseconds: 1500, checkMilliseconds: 200 },
      features: { notifications: await createNotices({ store, clock: systemClock }) },
    },
  );
  process.on('message', () => process.send?.({ dialled, errors: box.errors.map(String) }));
  process.send?.('up');
}
