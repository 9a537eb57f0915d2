/** A level database belongs to one process: ask the server that has it open, or open it when there is none. */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { createAccountOperations } from '../accounts/operations.js';
import { createAgreementOperations } from '../agreements/operations.js';
import { createAlertOperations } from '../alerts/operations.js';
import { openAlertWatch } from '../alerts-wiring.js';
import { countSequences } from '../fleet/counted.js';
import { createFleetDesk } from '../fleet-wiring.js';
import { createOperations, pageSize } from '../operations.js';
import { createPaymentOperations } from '../payments/operations.js';
import { openRooms } from '../rooms.js';
import { createSystemOperations } from '../systems/operations.js';
import { checkDirectory, controlSocket } from '../territory.js';
import { createWatchOperations, withAudit } from '../watch-wiring.js';
import { required } from './arguments.js';

export type Ask = (operation: string, parameters: unknown) => Promise<unknown>;

export function asking(dir: string | undefined): Ask {
  const directory = path.resolve(required(dir, '--dir'));
  return async (operation, parameters) => {
    await checkDirectory(directory);
    try {
      return await callControl(controlSocket(directory), operation, parameters);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'not-running') throw error;
    }
    const rooms = await openRooms({ directory, files, clock: systemClock });
    const { store, boxes, claims, requests, registry, rollouts, members, commands, directory: listed } = rooms;
    const { events, fleetStore } = rooms;
    const desk = createFleetDesk({
      ...{ store, events, fleet: fleetStore, clock: systemClock },
      online: () => false,
      endings: boxes,
    });
    // What fired when the server ran last; without it nothing new is found, and nothing is sent.
    const alerts = await openAlertWatch({
      ...{ store, events, clock: systemClock, boxes: desk.fleet, territory: rooms.territory.id },
      ...{ leafSeconds: rooms.territory.leafLifetimeSeconds, log: { error() {} } },
    });
    try {
      const notHere = () => Promise.reject(new Refusal('not-running'));
      const operations = withAudit(rooms.audit, {
        ...createWatchOperations(rooms),
        ...createSystemOperations(rooms.systems),
        ...createAccountOperations(rooms),
        ...createPaymentOperations(rooms),
        ...createAgreementOperations(rooms),
        ...createAlertOperations(alerts),
        ...createOperations({
          ...{ ...desk, events, claims, requests, registry, rollouts, members, commands },
          ...{ backup: notHere, moveStore: notHere },
          count: (box, since) => countSequences(fleetStore, box, since),
          directory: listed,
        }),
      });
      return await operations[operation]?.(parameters);
    } finally {
      await alerts.stop();
      desk.table.stop();
      await rooms.close();
    }
  };
}

/** Every page of a listing, each parsed. */
export async function askAll<T extends { id: string }>(
  ask: Ask,
  operation: string,
  parse: (page: unknown) => T[],
): Promise<T[]> {
  const all: T[] = [];
  for (;;) {
    const after = all.at(-1)?.id;
    const page = parse(await ask(operation, { limit: pageSize, ...(after === undefined ? {} : { after }) }));
    all.push(...page);
    if (page.length < pageSize) return all;
  }
}
