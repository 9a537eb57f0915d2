/** A console on a real port, over a real event log, with a fleet that the test feeds. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fastify } from 'fastify';
import { type Clock, systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import type { CaseView } from '#contract/cases.js';
import type { BoxDetail } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { openAccounts, openClosing } from '../../provisioning/accounts-wiring.js';
import { openAgreements, openUsage } from '../../provisioning/agreements-wiring.js';
import { openAlertWatch } from '../../provisioning/alerts-wiring.js';
import { openCommandDesk } from '../../provisioning/commands/desk.js';
import { createDiagnostics } from '../../provisioning/commands/diagnostics.js';
import { createConsole } from '../../provisioning/console/console.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { createSavedFilters } from '../../provisioning/fleet/saved-filters.js';
import { openAudit } from '../../provisioning/operators/audit.js';
import { openOperators } from '../../provisioning/operators/operators.js';
import { openStore } from '../../provisioning/store/store.js';
import { createTurns } from '../../provisioning/store/turns.js';
import { createFedAbouts, createFedTable } from './fed-table.js';
import { createFedClaims, createFedFleet, createFedRequests } from './fleet.js';

export const secret = 'correct-horse-battery-staple';
export const territory = {
  id: 'au-nsw-1',
  name: 'Harbour Network',
  jurisdiction: 'AU-NSW',
  law: 'Law of New South Wales',
};
const day = 86_400_000;

export function boxOf(id: string, now: number, change: Partial<BoxDetail> = {}): BoxDetail {
  return {
    id,
    state: 'online',
    lastSeen: now - 4000,
    enrolledAt: now - 12 * day,
    certificate: { serial: '3A7F00C15E9B44D2', notAfter: now + 18 * day },
    gaps: 0,
    cloned: null,
    health: null,
    birth: null,
    reported: null,
    revokedAt: null,
    standing: { admittedBy: 'claim', factory: null, leaving: null, revocation: null },
    ...change,
  };
}

export interface Teardown {
  teardown(done: () => Promise<void>): unknown;
}

export async function startConsole(
  t: Teardown,
  options: { clock?: Clock; tls?: { key: string; cert: string }; host?: string; port?: number } = {},
) {
  const clock = options.clock ?? systemClock;
  const directory = await mkdtemp(path.join(tmpdir(), 'wz-console-'));
  const store = await openStore(directory);
  const events = createEventLog({ store, clock });
  const fleet = createFedFleet(() => clock.now());
  const claims = createFedClaims(() => clock.now());
  const requests = createFedRequests(() => clock.now());
  const desk = await openCommandDesk({ store, events, clock, territory: territory.id });
  const commands = {
    desk: {
      ...desk,
      // The fleet is the test's: of its boxes the store need know none.
      list: async (box: string) => ((await store.boxes.get(box)) ? desk.list(box) : { commands: [], intervals: null }),
    },
    diagnostics: createDiagnostics({ directory, files, desk }),
  };
  let firstSecret = secret;
  const first = {
    read: async () => firstSecret,
    async write(now: string) {
      firstSecret = now;
    },
  };
  const operators = await openOperators({ store, clock, turns: createTurns(), first });
  const audit = await openAudit({ store, clock });
  const log = fastify({ logger: false }).log;
  const leafSeconds = (30 * day) / 1000;
  const alerts = await openAlertWatch({
    ...{ store, events, clock, log, leafSeconds },
    boxes: fleet,
    territory: 'test',
  });
  const accounts = openAccounts({
    ...{ store, clock, territory: 'test' },
    members: {
      show(id) {
        throw new Refusal('member-unknown', id);
      },
    },
  });
  const cases: CaseView[] = [];
  const parts = {
    cases: { list: () => cases },
    commands,
    alerts,
    fleet,
    table: createFedTable(fleet.boxes, () => clock.now()),
    abouts: createFedAbouts(fleet.boxes),
    filters: createSavedFilters({ store, clock }),
    claims,
    requests,
    events,
    operators,
    audit,
    terms: {
      closing: openClosing({ store, clock, accounts }),
      agreements: openAgreements({ store, clock, territory: 'test', registry: { find: () => undefined } }),
      usage: openUsage({ store, clock, territory: 'test' }),
      accounts,
    },
    territory,
    clock,
    log,
    assetsDir: path.resolve('build/console'),
    ...(options.tls ? { tls: options.tls } : {}),
  };
  let running = createConsole(parts);
  t.teardown(async () => {
    await running.stop();
    await alerts.stop();
    await events.stop();
    await store.close();
    await rm(directory, { recursive: true });
  });
  const port = await running.start(options.host ?? '127.0.0.1', options.port ?? 0);
  return {
    desk,
    fleet,
    claims,
    requests,
    events,
    operators,
    audit,
    alerts,
    accounts,
    cases,
    store,
    port,
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    stop: () => running.stop(),
    /** The same parts on the same port, as after a restart: nobody is signed in. */
    async startAgain() {
      running = createConsole(parts);
      await running.start('127.0.0.1', port);
    },
  };
}
