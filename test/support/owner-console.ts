/**
 * An owner's console on a real port over a real owner's key and a real ledger, with a membership that the test leads
 * along. What it was asked is recorded.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fastify } from 'fastify';
import { type Clock, systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import type { AgentStatus } from '#contract/agent-status.js';
import type { Change } from '#contract/changes.js';
import type { Condition } from '#contract/conditions.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { Election, Member, Membership } from '#contract/membership.js';
import { type ProblemCode, problem, Refusal } from '#contract/problems.js';
import type { VolumeState } from '#contract/volume.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { createOwner } from '../../agent/consent/owner-key.js';
import type { OwnerLinks } from '../../agent/links/links.js';
import { createNotices } from '../../agent/notices/notices.js';
import { createOwnerConsole, type OwnerConsoleParts } from '../../agent/owner/console.js';
import { createStorage } from '../../agent/storage/storage.js';
import { openStore } from '../../agent/store/store.js';
import { openVolume, type Volume } from '../../agent/volume/volume.js';
import type { createAppsDesk } from './apps-desk.js';
import { ownFolder } from './folder.js';

export const setupCode = '7K3FP-9QM2D';
export const passphrase = 'tram lantern quartz pillow';
const day = 86_400_000;

const territory = (change: Partial<DirectoryTerritory> & { id: string }): DirectoryTerritory => ({
  name: 'Harbour Network',
  jurisdiction: 'AU-NSW',
  law: 'Law of New South Wales, Australia',
  provider: 'Harbour Network Pty Ltd',
  est: 'https://harbour.example:8440',
  ca: ['AAAA'],
  standing: 'accredited',
  validFrom: 0,
  validUntil: Date.now() + 400 * day,
  ...change,
});

export const territories: DirectoryTerritory[] = [
  territory({
    id: 'de-be-1',
    name: 'Spreenetz',
    jurisdiction: 'DE-BE',
    law: 'Law of the Federal Republic of Germany',
    provider: 'Spreenetz eG',
  }),
  territory({ id: 'au-nsw-1' }),
  territory({
    id: 'au-vic-1',
    name: 'Yarra Commons',
    jurisdiction: 'AU-VIC',
    law: 'Law of Victoria, Australia',
    provider: 'Yarra Commons Co-operative',
  }),
  territory({
    id: 'au-old-1',
    name: 'Southern Link',
    jurisdiction: 'AU-NSW',
    provider: 'Southern Link Pty Ltd',
    standing: 'suspended',
    reason: 'its audit is overdue since September',
  }),
];

const nobody: Member = {
  phase: 'none',
  electedBy: null,
  territory: null,
  box: null,
  certificate: null,
  requestCode: null,
  problem: null,
};

/** A Raspberry Pi's on a quiet day. */
export const calmValues = {
  'system.cpu.utilization': 0.07,
  'system.memory.limit': 4e9,
  'system.memory.usage': 2.08e9,
  'system.memory.utilization': 0.52,
  'system.filesystem.limit': 31.3e9,
  'system.filesystem.usage': 12.8e9,
  'system.filesystem.utilization': 0.41,
  'system.network.io{network.io.direction=receive}': 8.4e9,
  'system.network.io{network.io.direction=transmit}': 1.2e9,
  'system.network.wireless.signal': -58,
  'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': 0.9,
  'hw.status{hw.state=under_voltage}': 0,
  'hw.status{hw.state=under_voltage_since_boot}': 0,
  'hw.temperature': 48,
  'system.uptime': 1_900_000,
};

interface Fed {
  online: boolean;
  offered: number | null;
  conditions: Condition[];
  values: Record<string, number>;
}

function statusOf(member: Member, { online, offered, conditions, values }: Fed): AgentStatus {
  return {
    agent: '0.2.0',
    state: member.phase === 'enrolled' ? 'enrolled' : 'enrolling',
    box: member.box,
    territory: member.territory?.id ?? null,
    certificate: member.certificate,
    time: { now: Date.now(), source: 'authenticated', offered },
    membership: { current: member, next: null, change: null },
    changes: [],
    ledger: null,
    owner: true,
    link: { online, since: Date.now() - 7_200_000 },
    health: {
      epoch: 'e0e0e0e0e0e0e0e0',
      lastSequence: 1200,
      acknowledged: 1200,
      waiting: online ? 0 : 37,
      deadLetters: 0,
      lost: 0,
      latest: {
        seq: 1200,
        at: Date.now() - 20_000,
        values,
      },
      conditions,
    },
    apps: [],
    refusals: [],
  };
}

async function volumeIn(
  directory: string,
  { state, key }: { state: VolumeState; key?: string },
  ledger: Parameters<typeof openVolume>[0]['ledger'],
): Promise<Volume | undefined> {
  const [stateFile, keyFile] = [path.join(directory, 'state.json'), path.join(directory, 'storage-key')];
  await files.write(stateFile, JSON.stringify(state));
  if (key !== undefined) await files.write(keyFile, key, 0o600);
  return openVolume({ stateFile, keyFile, files, ledger });
}

const stepsOf = {
  enrol: ['elect', 'reach', 'key', 'ask', 'prove', 'adopt'],
  transfer: ['elect', 'announce', 'reach', 'key', 'ask', 'prove', 'birth', 'switch', 'depart'],
};

export function createFedMembership(announce: () => void) {
  let membership: Membership = { current: nobody, next: null, change: null };
  let changes: Change[] = [];
  const asked: { act: string; election?: Election; kind?: string }[] = [];

  const told = (code: ProblemCode, detail?: string) => {
    const { title, remedy } = problem(code, detail);
    return { code, title, remedy, ...(detail ? { detail } : {}) };
  };

  function memberOf(election: Election, change: Partial<Member>): Member {
    const found = territories.find(({ id }) => id === election.territory);
    if (!found) throw new Refusal('territory-unknown');
    const { id, name, jurisdiction, law, provider, standing } = found;
    return {
      ...nobody,
      phase: 'reaching',
      electedBy: 'owner',
      territory: { id, name, jurisdiction, law, provider, standing },
      requestCode: 'K7QM-42XA',
      ...change,
    };
  }

  function begin(kind: 'enrol' | 'transfer', election: Election): string {
    if (membership.change) throw new Refusal('change-under-way');
    const id = `000000000000000${changes.length + 1}`.slice(-16);
    const steps = stepsOf[kind].map((step) => ({ kind: step, state: 'waiting' as const, note: null }));
    changes = [
      { id, kind, state: 'doing', startedAt: Date.now(), endedAt: null, deadlineAt: null, steps, problem: null },
      ...changes,
    ];
    const member = memberOf(election, {});
    membership =
      kind === 'enrol' ? { current: member, next: null, change: id } : { ...membership, next: member, change: id };
    announce();
    return id;
  }

  /** The member that the change is about. */
  function alter(change: Partial<Member>): void {
    membership = membership.next
      ? { ...membership, next: { ...membership.next, ...change } }
      : { ...membership, current: { ...membership.current, ...change } };
  }

  function alterChange(change: Partial<Change>): void {
    changes = changes.map((one) => (one.id === membership.change ? { ...one, ...change } : one));
  }

  return {
    asked,
    view: () => membership,
    list: () => changes,
    current: () => membership.current,
    elect(election: Election) {
      asked.push({ act: 'elect', election });
      return begin('enrol', election);
    },
    transfer(election: Election) {
      asked.push({ act: 'transfer', election });
      return begin('transfer', election);
    },
    abandon() {
      asked.push({ act: 'abandon' });
      alterChange({ state: 'undone', endedAt: Date.now() });
      membership = membership.next
        ? { ...membership, next: null, change: null }
        : { current: nobody, next: null, change: null };
      announce();
    },
    /** Everything before this step is done, and it is under way. */
    reach(step: string, phase: 'reaching' | 'waiting-admission' = 'reaching', code?: ProblemCode, detail?: string) {
      const mine = changes.find(({ id }) => id === membership.change);
      const at = mine?.steps.findIndex(({ kind }) => kind === step) ?? 0;
      alterChange({
        steps: (mine?.steps ?? []).map((one, index) => ({
          ...one,
          state: index < at ? 'done' : index === at ? 'doing' : 'waiting',
          note: index === at && phase === 'waiting-admission' ? 'waiting-admission' : null,
        })),
        problem: code ? told(code, detail) : null,
      });
      alter({ phase, problem: code ? told(code, detail) : null });
      announce();
    },
    refuse(code: ProblemCode, detail?: string) {
      alterChange({ state: 'undone', endedAt: Date.now(), problem: told(code, detail) });
      if (membership.next) membership = { ...membership, next: null, change: null };
      else membership = { ...membership, change: null };
      alter({ phase: 'refused', problem: told(code, detail) });
      announce();
    },
    enrolled() {
      alterChange({ state: 'done', endedAt: Date.now() });
      const member = membership.next ?? membership.current;
      membership = {
        current: {
          ...member,
          phase: 'enrolled',
          problem: null,
          box: 'box-8f3kq0vz7ahm',
          certificate: { serial: '3A7F00C15E9B44D2', notAfter: Date.now() + 30 * day, renewAt: Date.now() + 20 * day },
        },
        next: null,
        change: null,
      };
      announce();
    },
    alter(change: Partial<Member>) {
      alter(change);
      announce();
    },
  };
}

interface Teardown {
  teardown(work: () => unknown): void;
}

export async function startOwnerConsole(
  t: Teardown,
  options: Partial<Pick<OwnerConsoleParts, 'limits' | 'upload' | 'httpsPort' | 'mdns' | 'host'>> & {
    ticks?: Clock;
    apps?: ReturnType<typeof createAppsDesk>;
    links?: OwnerLinks;
    terms?: OwnerConsoleParts['terms'];
    months?: NonNullable<OwnerConsoleParts['months']>;
    provider?: OwnerConsoleParts['provider'];
    system?: OwnerConsoleParts['system'];
    safe?: NonNullable<OwnerConsoleParts['safe']>;
    /** What the data lie on, and the storage key where it waits for the owner. */
    volume?: { state: VolumeState; key?: string };
    network?: OwnerConsoleParts['network'];
  } = {},
) {
  const dataDir = await ownFolder(t);
  const bootDir = path.join(dataDir, 'boot');
  await mkdir(bootDir);
  const store = await openStore(dataDir);
  const ledger = await createLedger({ store, clock: systemClock });
  const owner = await createOwner({ dataDir, files, clock: systemClock, ledger });
  const storage = await createStorage({
    ...{ store, files, clock: systemClock, freeBytes: () => 1e12, onRefused: () => {} },
    keysDirectory: path.join(dataDir, 'storage-keys'),
  });
  const notices = await createNotices({ store, clock: systemClock });
  const volume = options.volume && (await volumeIn(dataDir, options.volume, ledger));
  const listeners = new Set<() => void>();
  const announce = (): void => {
    for (const listener of listeners) listener();
  };
  const listen = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const fed = createFedMembership(announce);
  const box = {
    online: true,
    expired: false,
    codesTried: 0,
    resets: [] as string[],
    offered: null as number | null,
    isSuspended: false,
    conditions: [] as Condition[],
    values: { ...calmValues } as Record<string, number>,
  };
  const parts: OwnerConsoleParts = {
    factory: {
      name: () => 'webizen-7k3f',
      async verifySetupCode(text) {
        box.codesTried += 1;
        return text.toUpperCase().replace(/[^0-9A-Z]/g, '') === setupCode.replace('-', '');
      },
    },
    owner,
    ledger,
    membership: {
      view: fed.view,
      elect: async (election, signer) => {
        await ledger.append({ by: 'owner', type: 'election', facts: { territory: election.territory } }, signer);
        return fed.elect(election);
      },
      transfer: async (election) => fed.transfer(election),
      abandon: async () => fed.abandon(),
      onChange: listen,
    },
    reset: async ({ kind }) => void box.resets.push(kind),
    changes: { list: () => [...(options.apps?.changes() ?? []), ...fed.list()], on: () => () => {} },
    directory: {
      list: () => ({
        territories: territories.map((one) =>
          box.isSuspended && one.id === 'au-nsw-1'
            ? { ...one, standing: 'suspended' as const, reason: 'its audit failed' }
            : one,
        ),
        sequence: 12,
        expiresAt: Date.now() + (box.expired ? -day : 30 * day),
        expired: box.expired,
      }),
      refresh: async () => {},
    },
    status: () => statusOf(fed.current(), box),
    link: { subscribe: (listener) => listen(() => listener(box.online)) },
    conditions: { subscribe: (listener) => listen(() => listener({ changed: true })) },
    time: {
      offered: () => box.offered ?? undefined,
      async lower() {
        const had = box.offered !== null;
        box.offered = null;
        announce();
        return had;
      },
      subscribe: listen,
    },
    notices,
    dataDir,
    bootDir,
    files,
    assetsDir: path.resolve('build/owner'),
    clock: systemClock,
    ticks: options.ticks ?? systemClock,
    log: fastify({ logger: false }).log,
    host: options.host ?? '127.0.0.1',
    port: 0,
    mdns: options.mdns ?? false,
    ...(options.httpsPort === undefined ? {} : { httpsPort: options.httpsPort }),
    ...(options.limits ? { limits: options.limits } : {}),
    ...(options.upload ? { upload: options.upload } : {}),
    ...(options.apps
      ? { apps: options.apps.desk, grants: options.apps.grants, logs: options.apps.logs, data: storage }
      : {}),
    ...(options.links ? { links: options.links } : {}),
    ...(options.terms ? { terms: options.terms } : {}),
    ...(options.months ? { months: options.months } : {}),
    ...(options.provider ? { provider: options.provider } : {}),
    ...(options.system ? { system: options.system } : {}),
    ...(options.safe ? { safe: options.safe } : {}),
    ...(volume && { volume }),
    ...(options.network ? { network: options.network } : {}),
  };
  let running = createOwnerConsole(parts);
  t.teardown(async () => {
    await running.stop();
    await storage.stop();
    await store.close();
  });
  const port = await running.start();
  return {
    fed,
    box,
    owner,
    ledger,
    storage,
    notices,
    bootDir,
    dataDir,
    announce,
    port,
    url: `http://127.0.0.1:${port}`,
    console: () => running,
    stop: () => running.stop(),
    /** The same parts on the same port, as after a restart of the agent: nobody is signed in. */
    async startAgain() {
      running = createOwnerConsole({ ...parts, port });
      await running.start();
    },
  };
}
