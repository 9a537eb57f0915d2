/** The operator's console, wired: its pages and API, and what `/metrics` tells of every part. */
import type { Addresses } from './addresses.js';
import type { AlertWatch } from './alerts-wiring.js';
import type { ServerTls } from './ca/server-certificate.js';
import { type Console, createConsole } from './console/console.js';
import type { Gauge } from './console/metrics.js';
import type { FleetDesk } from './fleet-wiring.js';
import type { Ground } from './ground.js';
import type { Rooms } from './rooms.js';

export interface ConsoleWish {
  rooms: Rooms;
  desk: FleetDesk;
  alerts: AlertWatch;
  addresses: Addresses;
  tls: ServerTls;
  /** Where the built console lies. */
  assetsDir: string;
  /** Where the records are in a database: whether they are surely held. */
  isSure?: (() => boolean) | undefined;
  /** Beside the alerts' and the audit log's. */
  gauges: () => Gauge[];
}

/** @throws Refusal `port-in-use`, `address-unavailable` */
export async function startConsole(
  { clock, log, onStop }: Ground,
  { rooms, desk, alerts, addresses, tls, assetsDir, isSure, gauges }: ConsoleWish,
): Promise<Pick<Console, 'secure'> & { url: string }> {
  const { claims, requests, events, operators, audit, commands, territory } = rooms;
  const { id, name, jurisdiction, law } = territory;
  const { bind, ports, isPlain, urlOf } = addresses;
  const pages = createConsole({
    ...desk,
    terms: rooms,
    cases: rooms.members.cases,
    ...{ claims, requests, events, operators, audit, alerts, commands, assetsDir, isSure, clock, log },
    territory: { id, name, jurisdiction, law },
    gauges: () => [
      ...alerts.gauges(),
      {
        name: 'webizen_audit_entries',
        help: 'Entries of the audit log.',
        series: [[{}, audit.head()?.length ?? 0]],
      },
      ...gauges(),
    ],
    ...(isPlain ? {} : { tls: { key: tls.key, cert: tls.cert } }),
  });
  onStop(() => pages.stop());
  const port = await pages.start(bind, ports.console);
  return { secure: pages.secure, url: urlOf(isPlain ? 'http' : 'https', port) };
}
