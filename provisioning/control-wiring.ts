/** What commands ask of the running server, wired: every operation over the control socket, each act in the audit log. */
import { serveControl } from '#common/control.js';
import { createAccountOperations } from './accounts/operations.js';
import { createAgreementOperations } from './agreements/operations.js';
import { createAlertOperations } from './alerts/operations.js';
import type { AlertWatch } from './alerts-wiring.js';
import { backUp } from './backup/backup.js';
import { countSequences } from './fleet/counted.js';
import type { FleetDesk } from './fleet-wiring.js';
import type { Ground } from './ground.js';
import { createOperations } from './operations.js';
import { createPaymentOperations } from './payments/operations.js';
import type { Rooms } from './rooms.js';
import { createSystemOperations } from './systems/operations.js';
import { controlSocket } from './territory.js';
import { createWatchOperations, withAudit } from './watch-wiring.js';

/** @throws Refusal `socket-path-too-long` */
export async function startControl(
  { clock, onStop }: Ground,
  {
    rooms,
    desk,
    alerts,
    directory,
    moveStore,
  }: {
    rooms: Rooms;
    desk: FleetDesk;
    alerts: AlertWatch;
    directory: string;
    moveStore: (url: string) => Promise<unknown>;
  },
): Promise<void> {
  const { territory, store, fleetStore, ca, claims, requests, members, registry, rollouts, commands, audit } = rooms;
  const control = await serveControl(
    controlSocket(directory),
    withAudit(audit, {
      ...createWatchOperations(rooms),
      ...createSystemOperations(rooms.systems),
      ...createAccountOperations(rooms),
      ...createPaymentOperations(rooms),
      ...createAgreementOperations(rooms),
      ...createAlertOperations(alerts),
      ...createOperations({
        ...desk,
        events: rooms.events,
        ...{ claims, requests, members, registry, rollouts, commands, moveStore },
        directory: rooms.directory,
        reloadCa: ca.reload,
        backup: (file) => backUp({ directory, territory: territory.id, store, clock, file }),
        count: (box, since) => countSequences(fleetStore, box, since),
      }),
    }),
  );
  onStop(() => control.close());
}
