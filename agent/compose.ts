/** Every room of the agent, made and handed what it uses; nothing runs yet. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { isErrno, ownDirectory } from '#common/files.js';
import { version } from '#common/version.js';
import type { AgentStatus } from '#contract/agent-status.js';
import { apiVersion } from '#contract/api.js';
import { DirectoryKeys, type StandingChange } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Birth, Reported, Sandbox } from '#contract/status.js';
import { createApi } from './api/api.js';
import { tellApps } from './app-telling.js';
import { type AppStatus, createApps } from './apps/apps.js';
import { type InstalledApps, openAppFeatures, openInstalledApps, openMessages } from './apps-wiring.js';
import { createChanges } from './changes/changes.js';
import { openCommands } from './commands-wiring.js';
import type { Config } from './config.js';
import { createGrants } from './consent/grants.js';
import { createLedger } from './consent/ledger.js';
import { createOwner } from './consent/owner-key.js';
import { takeReceipt } from './consent/receipt.js';
import { type BoxDirectory, createDirectory } from './directory/directory.js';
import { createMembership, type MembershipRoom } from './enrolment/membership.js';
import { openPlaces } from './enrolment/places.js';
import { openEvents } from './events-wiring.js';
import { type Factory, openFactory } from './factory/factory.js';
import { openHealth } from './health-wiring.js';
import type { Host } from './host/host.js';
import { isSameMachine } from './host/machine.js';
import { openIdentity } from './identity/identity.js';
import { openLeases } from './leases/open.js';
import { createLink } from './link/link.js';
import { createOutbox } from './link/outbox.js';
import { openSession } from './link/session.js';
import { createSpool } from './link/spool.js';
import { createRefusals } from './refusals.js';
import { checkFree, openTime, resetOf } from './reset-wiring.js';
import { checkDeveloping, checkNobodys, type Simulated } from './simulated.js';
import { createStorage } from './storage/storage.js';
import { openStore } from './store/store.js';
import { bootId } from './time/boot.js';
import type { TrustedTime } from './time/trusted-time.js';

/** The report is one message. */
const mostReportedLeases = 100;
/** About a month of minutes' samples. */
const outboxBudgetBytes = 24 * 1024 * 1024;

async function ownRuntimeDirectory(directory: string): Promise<void> {
  await mkdir(path.dirname(directory), { recursive: true }).catch((error: unknown) => {
    if (!isErrno(error, 'EEXIST')) throw new Refusal('directory-owner', directory, { cause: error });
  });
  await ownDirectory(directory);
}

export type Parts = Awaited<ReturnType<typeof compose>>;

interface Ground {
  config: Config;
  host: Host;
  clock: TrustedTime;
  onRefused(refusal: Refusal): void;
}

/** @throws Refusal `config-invalid` when the keys that the directory is held against are not there */
async function directoryOf(
  { config, host, clock, onRefused }: Ground,
  { own, onChange }: { own(): string | undefined; onChange(changes: readonly StandingChange[]): void },
): Promise<BoxDirectory | undefined> {
  if (!config.directory) return undefined;
  const { file, keysFile } = config.directory;
  const pinned = parseJson(DirectoryKeys, (await host.files.read(keysFile)) ?? Buffer.alloc(0));
  if (!pinned.ok) throw new Refusal('config-invalid', `/directory/keysFile: ${describeFaults(pinned.faults)}`);
  return createDirectory({
    files: host.files,
    dataDir: config.dataDir,
    shipped: file,
    pinned: pinned.value,
    clock,
    own,
    onChange,
    onRefused,
  });
}

/** The voucher that counts now: by an accredited maker, for a territory of the directory whose CA it names. */
async function voucherOf(
  factory: Factory,
  directory: BoxDirectory | undefined,
  { clock, onRefused }: Ground,
): Promise<{ territory: string; der: Uint8Array } | undefined> {
  if (!directory || !factory.idevid()) return undefined;
  try {
    const voucher = await factory.voucher(directory.makers(clock.now()), clock.now());
    if (!voucher) return undefined;
    const pinned = voucher.pinned.raw.toString('base64');
    const territory = directory
      .current()
      ?.directory.territories.find(({ id, ca }) => id === (voucher.territory ?? id) && ca.includes(pinned));
    return territory && { territory: territory.id, der: voucher.der };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
    return undefined;
  }
}

/** As status and report name it. */
type RunningApp = Omit<AppStatus, 'sandbox'> & { sandbox: Sandbox };

export async function compose(
  config: Config,
  host: Host,
  log: Logger,
  {
    signal,
    simulated,
    ...around
  }: {
    signal: AbortSignal;
    simulated?: Simulated | undefined;
    status: () => AgentStatus;
    /** Missing: nobody starts the agent again. */
    restart?: (() => void) | undefined;
  },
) {
  const { files } = host;
  const { dataDir } = config;
  checkDeveloping(config, simulated);
  await ownDirectory(dataDir);
  await ownRuntimeDirectory(config.runtimeDir);
  const clock = await openTime(config, host);
  const refusals = createRefusals({ clock });
  const onRefused = (refusal: Refusal): void => {
    refusals.add(refusal);
    log.warn({ code: refusal.code, ...(refusal.cause ? { err: refusal.cause } : {}) }, refusal.message);
  };
  const ground: Ground = { config, host, clock, onRefused };

  const reset = resetOf(config, host, clock, onRefused);
  if (await reset.isAskedFor()) await checkFree(dataDir);
  await reset.look().catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
  });
  const wiped = await reset.perform();
  if (wiped) await clock.forget(); // a reset lowers the floor
  const store = await openStore(dataDir);
  const ledger = await createLedger({ store, clock, isTimeKnown: clock.trusted });
  if (wiped) {
    const { kind, by } = wiped;
    if (!ledger.head()) await ledger.append({ by: 'box', type: kind, facts: { how: by } });
    await reset.close();
  }

  const owner = await createOwner({ dataDir, files, clock, ledger });
  const factory = await openFactory({ dataDir, bootDir: config.bootDir, files, clock, onRefused });
  /** The directory is opened first, and may bring news at once. */
  let room: MembershipRoom | undefined;
  let early: readonly StandingChange[] = [];
  const own = (): string | undefined => room?.view().current.territory?.id;
  function onStanding(changes: readonly StandingChange[]): void {
    if (!room) early = [...early, ...changes];
    for (const change of room ? changes : [])
      if (change.territory === own())
        void ledger
          .append({ by: 'box', type: 'standing', facts: { ...change } })
          .catch((error: unknown) => onRefused(new Refusal('internal', undefined, { cause: error })));
  }
  const directory = await directoryOf(ground, { own, onChange: onStanding });
  let voucher = await voucherOf(factory, directory, ground);
  const freeBytes = (): number => host.freeBytes(dataDir);
  const { intervalSeconds, batchSeconds } = config.health;
  let lostSamples = 0;
  const outbox = await createOutbox({
    store,
    budgetBytes: outboxBudgetBytes,
    batch: Math.max(1, Math.round(batchSeconds / intervalSeconds)),
    spool: createSpool({ file: path.join(config.runtimeDir, 'outbox.spool'), boot: await bootId(host) }),
    machine: await host.machine(),
    isSameMachine,
    onCut: (count) => {
      lostSamples += count;
    },
    onMoved: async () => void (await ledger.append({ by: 'box', type: 'other-machine', facts: {} })),
  });
  /** What was stored before the time was known is put right as soon as it is, and only then sent. */
  async function putTimesRight(): Promise<void> {
    const known = clock.bootTime();
    if (!known) return;
    try {
      await outbox.correct(known);
      link.flush();
    } catch (error) {
      onRefused(new Refusal('internal', 'cannot put the times of the samples right', { cause: error }));
    }
  }
  const storage = await createStorage({
    ...{ store, files, clock, freeBytes, onRefused },
    keysDirectory: path.join(dataDir, 'storage-keys'),
  });

  const membership: MembershipRoom = await createMembership({
    dataDir,
    files,
    clock,
    signal,
    preset: config.territory && { ...config.territory, claimCodeFile: config.claimCodeFile },
    boot: factory.boot(),
    directory: {
      find: (id) => directory?.find(id),
      signedAt: () => directory?.current()?.directory.issuedAt ?? 0,
    },
    factory: {
      idevid: factory.idevid,
      voucher: () => voucher,
      async spendVoucher() {
        await factory.spendVoucher();
        voucher = undefined;
      },
    },
    ledger,
    openIdentity: (place) => openIdentity({ directory: place, files }),
    changes: () => changes,
    outbox,
    link: { hold: () => link.hold(), resume: () => link.resume() },
    async proveLink({ profile, credentials, epoch }) {
      const session = await openSession({
        profile,
        credentials,
        keepaliveSeconds: 60,
        at: clock.moment(),
        birth: (id) => ({ ...birth(id), epoch, lastSequence: 0 }),
        onAck: () => {},
        signal,
      });
      await session.end();
    },
    onRefused,
    onRenewed: ({ box, leaf }) => log.info({ box, notAfter: leaf.validTo }, 'certificate renewed'),
  });
  const grants = await createGrants({ store, ledger, clock, onRefused });
  const holds = await openLeases({
    ...{ store, ledger, clock, onRefused },
    monotonic: host.monotonic,
    boot: await bootId(host),
    announce: (app, update) =>
      api.tell(app, { type: 'update-pending', at: clock.now(), waits: 'begins', ...update }) > 0,
  });
  const messages = await openMessages({
    ...{ config, host, store, clock, grants, membership, onRefused },
    bindingOf: (app) => installed?.installer.bindingOf(app),
  });
  const installed: InstalledApps | undefined = await openInstalledApps({
    storage: {
      usedBytes: storage.usedBytes,
      async forget(app) {
        await messages.forget(app);
        await notices.forget(app);
        await holds.updates.done(app);
        await storage.forget(app);
      },
    },
    holds: holds.updates,
    ...{ config, host, clock, store, ledger, grants, membership, directory, freeBytes, log, signal, onRefused },
    sockets: { open: (app) => api.open(app), close: (id) => api.forget(id) },
    changes: () => changes,
  });
  const kinds = { ...membership.kinds, ...installed?.installer.kinds };
  const changes = createChanges({ store, clock, kinds, onRefused });
  try {
    checkNobodys(config, {
      hasOwner: owner.isSet(),
      isMember: (await (await openPlaces({ dataDir, files })).list()).length > 0,
      hasFactoryIdentity: factory.idevid() !== undefined,
    });
  } catch (error) {
    await store.close();
    throw error;
  }
  const { attest, notices, egress } = await openAppFeatures({
    ...{ host, store, clock, membership, simulated },
    releaseOf(id) {
      if (simulated) return simulated.app(id);
      const app = installed?.installer.desk.show(id);
      return app && { release: app.release, version: app.manifest.version };
    },
  });
  /** Those of the configuration, and those that the owner installed. */
  const running = (): RunningApp[] => [
    ...apps.list(),
    ...(installed?.installer.desk.list() ?? []).map(({ id, state, sandbox, restarts, grants: held, quotaBytes }) => ({
      ...{ id, state, sandbox, restarts, quotaBytes },
      pid: null,
      grants: held.map(({ capability }) => capability),
    })),
  ];
  const health = await openHealth({
    ...{ config, host, clock, store, outbox, membership, freeBytes, onRefused },
    keep: (sample) => provider.keep(sample),
    intervalSeconds: () => provider.intervals().sampleSeconds,
    apps: () => running().map((app) => ({ ...app, pid: app.pid ?? installed?.runner.show(app.id)?.pid ?? null })),
    onReport: () => link.report(),
  });
  const { probe, sampler } = health;

  let hardware: Birth['hardware'];
  const birth = (session: string): Birth => provider.birth(wholeBirth(session));
  const wholeBirth = (session: string): Birth => {
    const head = ledger.head();
    return {
      kind: 'birth',
      session,
      epoch: outbox.state().epoch,
      lastSequence: outbox.state().last,
      at: clock.now(),
      time: clock.trusted() ? 'authenticated' : 'unknown',
      agent: version,
      api: apiVersion,
      ...(head ? { ledger: head } : {}),
      ...(hardware ? { hardware } : {}),
    };
  };
  const reported = (): Reported => ({
    at: clock.now(),
    agent: version,
    ...(membership.awaitsOwner() ? { owner: false } : { conditions: health.report() }),
    apps: running().map(({ id, state, sandbox, restarts }) => ({ id, state, sandbox, restarts })),
    leases: holds.leases
      .all()
      .slice(0, mostReportedLeases)
      .map(({ app, lease: { hold, reason, until } }) => ({ app, hold, reason, until })),
  });
  const sampleNow = async (): Promise<void> => {
    if (!membership.awaitsOwner()) await sampler.sampleNow();
  };
  const provider = await openCommands({
    ...{ config, host, store, ledger, clock, membership, outbox, probe, holds, reported, sampleNow, onRefused },
    link: () => link,
    birth: () => wholeBirth('0'.repeat(16)),
    onReporting: () => void events.reporting(),
    ...around,
  });
  const events = await openEvents({
    ...{ host, store, ledger, clock, outbox, lostSamples, changes, onRefused },
    conditions: health.conditions,
    level: () => provider.room.owner.settings().reporting,
    territory: own,
    link: () => link,
  });
  const link = createLink({
    clock,
    outbox,
    events,
    get batchSeconds() {
      return provider.intervals().batchSeconds;
    },
    async access(fresh) {
      hardware = await probe.inventory();
      void events.sawSystem(hardware.os);
      return membership.access(fresh || !clock.trusted()); // the provider's answer tells the time
    },
    moment: clock.moment,
    async learnTime() {
      if (!clock.trusted()) await membership.access(true).catch(() => {}); // refused or not, it has been told
      await putTimesRight();
    },
    birth,
    reported: () => provider.reported(reported()),
    onBirth: sampleNow,
    commands: provider.room,
    onStanding: (news) => installed?.members.hear(news),
    onLinks: (news) => installed?.links.hear(news),
    apps: messages,
    onReceipt: (receipt) =>
      void takeReceipt({
        receipt,
        ledger,
        roots: async () => (await membership.enrolment()?.trust())?.anchors ?? [],
      }).catch((error: unknown) =>
        onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
      ),
    onRefused,
  });

  const connectivity = simulated?.connectivity ?? link;
  const telling = tellApps({
    ...{ desk: installed?.installer.desk, storage, freeBytes, clock },
    api: () => api,
  });
  const api = createApi({
    apps: config.apps,
    runtimeDir: config.runtimeDir,
    features: {
      box: () => ({
        id: simulated?.standing().box ?? membership.enrolment()?.current()?.box ?? null,
        territory: simulated?.territory ?? membership.enrolment()?.lastProfile()?.territory ?? null,
        online: connectivity.online(),
        agent: version,
        api: apiVersion,
        time: clock.now(),
      }),
      health: sampler,
      appView(id) {
        const app = installed?.installer.desk.show(id);
        return app ? { ...app, version: app.manifest.version } : (simulated?.app(id) ?? apps.show(id));
      },
      ready: (id) => (simulated ?? installed?.runner)?.ready(id), // the apps of the configuration have no health check that waits for it
      storage: telling.storage,
      attest,
      notifications: notices,
      messages,
      leases: holds.leases,
      logs: (id, tail) => (simulated ?? (installed?.installer.desk.show(id) ? installed.runner : apps)).logs(id, tail),
      standing: telling.standing,
    },
    grants,
    tunnels: egress,
    connectivity,
    clock,
    log,
  });
  const apps = createApps({
    apps: config.apps,
    dataDir,
    runtimeDir: config.runtimeDir,
    socketOf: api.socketOf,
    clock,
    log,
    onChange: () => link.report(),
  });
  installed?.installer.desk.onChange(() => link.report());
  holds.leases.onChange(() => link.report()); // of the apps of the configuration too
  /** Once the membership has started: what an image brought before. */
  function tellStandings(): void {
    room = membership;
    onStanding(early);
    early = [];
  }
  return {
    clock,
    putTimesRight,
    tellStandings,
    store,
    refusals,
    outbox,
    storage,
    ledger,
    owner,
    factory,
    directory,
    membership,
    changes,
    reset,
    health,
    sampler,
    events,
    link,
    api,
    apps,
    grants,
    notices,
    messages,
    holds,
    space: telling.space,
    egress,
    installed,
    running,
    provider,
  };
}
