/**
 * The rooms around the store, wired once for both who uses them: the server, and a command that runs without one and
 * need not load what serves.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Database } from '#common/commits.js';
import type { Files } from '#common/files.js';
import type { Accounts } from './accounts/accounts.js';
import type { MonthClosing } from './accounts/closing.js';
import type { Invoices } from './accounts/invoices.js';
import { openAccounts, openClosing, openInvoices } from './accounts-wiring.js';
import { createRequests } from './admission/requests.js';
import type { Agreements } from './agreements/agreements.js';
import type { UsageRoom } from './agreements/usage.js';
import { openAgreements, openUsage } from './agreements-wiring.js';
import { type Boxes, createBoxes } from './boxes/boxes.js';
import { createReadmission } from './boxes/readmission.js';
import { type Ca, openCa } from './ca/ca.js';
import { type Crl, createCrl } from './ca/crl.js';
import { createRegistry, type Registry } from './catalogue/registry.js';
import { type Claims, createClaims, type Redemption } from './claims/claims.js';
import { openCommandDesk } from './commands/desk.js';
import { createDiagnostics } from './commands/diagnostics.js';
import { openCommandKeys } from './commands/keys.js';
import type { CommandRooms } from './commands/operations.js';
import { openTerritoryDirectory, type TerritoryDirectory } from './directory/directory.js';
import { createEventLog, type EventLog } from './fleet/events.js';
import { type MemberDesk, openMembers } from './members/members.js';
import { type Audit, openAudit } from './operators/audit.js';
import { type Operators, openOperators } from './operators/operators.js';
import type { PaymentRooms } from './payments/operations.js';
import { openPayments } from './payments-wiring.js';
import { createRollouts, type Rollouts } from './rollouts/rollouts.js';
import type { FleetStore, Keep } from './store/fleet.js';
import { createLevelFleet } from './store/fleet-level.js';
import { openStore, type Store } from './store/store.js';
import { createTurns } from './store/turns.js';
import type { Systems } from './systems/systems.js';
import { openSystems } from './systems-wiring.js';
import {
  checkDirectory,
  readSecret,
  readTerritory,
  type Territory,
  usualRenewalGraceSeconds,
  writeSecret,
} from './territory.js';

export interface Rooms extends PaymentRooms {
  readonly territory: Territory;
  readonly store: Store;
  /** What boxes tell. */
  readonly fleetStore: FleetStore;
  readonly events: EventLog;
  readonly ca: Ca;
  readonly crl: Crl;
  readonly boxes: Boxes;
  readonly claims: Claims & Redemption;
  readonly directory: TerritoryDirectory;
  readonly requests: ReturnType<typeof createRequests>;
  readonly registry: Registry;
  readonly rollouts: Rollouts;
  readonly systems: Systems;
  readonly agreements: Agreements;
  readonly usage: UsageRoom;
  readonly accounts: Accounts;
  readonly closing: MonthClosing;
  readonly invoices: Invoices;
  readonly members: MemberDesk;
  readonly commands: CommandRooms;
  readonly operators: Operators;
  readonly audit: Audit;
  close(): Promise<void>;
}

/** @throws Refusal `directory-owner`, `territory-missing`, `config-invalid`, and those of `openStore` */
export async function openRooms({
  directory,
  files,
  clock,
  openFleet,
  records,
  keep,
}: {
  directory: string;
  files: Files;
  clock: Clock;
  /** What boxes tell is kept elsewhere than in the level store. */
  openFleet?: ((parts: { store: Store; territory: string }) => Promise<FleetStore>) | undefined;
  /** The control plane's records, when they are not in this directory. */
  records?: Database | undefined;
  /** How long level keeps what boxes tell. */
  keep?: Keep | undefined;
}): Promise<Rooms> {
  await checkDirectory(directory);
  const territory = await readTerritory(files, directory);
  const { leafLifetimeSeconds } = territory;
  const ca = await openCa({ files, clock, directory, leafLifetimeSeconds });
  const listed = await openTerritoryDirectory({ files, directory, clock });
  const store = await openStore(directory, records);
  const fleetStore =
    (await openFleet?.({ store, territory: territory.id })) ??
    createLevelFleet({ store, clock, ...(keep && { keep }) });
  const events = createEventLog({ store, fleet: fleetStore, clock });
  const turns = createTurns();
  const { issue } = ca;
  const isOurs = (certificate: X509Certificate) =>
    ca.issuers.some((issuer) => certificate.verify(issuer.certificate.publicKey));
  const readmission = createReadmission({ store, clock, events, isOurs });
  const crl = createCrl({
    store,
    files,
    clock,
    directory,
    issuers: () => [ca.issuer, ...ca.issuers.slice(1)],
    events,
  });
  const boxes = createBoxes({
    store,
    clock,
    turns,
    events,
    isOurs,
    readmission,
    issue,
    renewalGrace: () => (territory.renewalGraceSeconds ?? usualRenewalGraceSeconds) * 1000,
    revoked: crl.changed,
    lifeOf: async (box) => (await fleetStore.lives([box])).get(box),
  });
  const { enter } = boxes;
  const { id } = territory;
  const listedAt = () => listed.current()?.directory.territories.find((one) => one.id === id)?.est;
  const rollouts = createRollouts({ store, clock, events });
  await rollouts.open();
  const wantsProof = () => members.appIdPolicy() === 'proof';
  const registry = createRegistry({ store, clock, events, rollouts, wantsProof });
  const members: MemberDesk = await openMembers({
    ...{ store, files, clock, directory, listedAt, events },
    ...{ territory: id, appIds: registry },
  });
  const desk = await openCommandDesk({ store, events, clock, territory: id });
  const commands: CommandRooms = {
    desk,
    keys: await openCommandKeys({ files, directory, clock }),
    diagnostics: createDiagnostics({ directory, files, desk }),
  };
  const accounts = openAccounts({ store, clock, territory: id, members });
  const first = {
    read: () => readSecret(files, directory),
    write: (secret: string) => writeSecret(files, directory, secret),
  };
  return {
    commands,
    operators: await openOperators({ store, clock, turns, first }),
    audit: await openAudit({ store, clock }),
    territory,
    store,
    fleetStore,
    events,
    ca,
    directory: listed,
    crl,
    boxes,
    claims: createClaims({ store, clock, turns, events, enter }),
    requests: createRequests({ store, clock, turns, events, enter }),
    registry,
    rollouts,
    systems: openSystems({ directory, store, clock }),
    usage: openUsage({ store, clock, territory: id }),
    accounts,
    closing: openClosing({ store, clock, accounts }),
    invoices: openInvoices({ store, clock, territory: id, accounts }),
    ...openPayments({ store, clock, territory: id }),
    agreements: openAgreements({ store, clock, territory: id, registry }),
    members,
    async close() {
      await members.stop();
      await crl.stop();
      await events.stop();
      await fleetStore.close();
      await store.close();
    },
  };
}
