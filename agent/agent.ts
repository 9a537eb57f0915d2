/**
 * The agent, composed: the one place where the rooms meet. `start` makes the standard API answer first; enrolment, link
 * and health follow behind it, because everything local works without the provider.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { Type } from 'typebox';
import { serveControl } from '#common/control.js';
import { isErrno, ownDirectory } from '#common/files.js';
import { version } from '#common/version.js';
import type { AgentStatus } from '#contract/agent-status.js';
import { apiVersion } from '#contract/api.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Birth } from '#contract/status.js';
import { createApi } from './api/api.js';
import { createApps } from './apps/apps.js';
import { createChanges } from './changes/changes.js';
import { adminSocket, type Config } from './config.js';
import { createLedger, type OwnerSigner } from './consent/ledger.js';
import { createOwner } from './consent/owner-key.js';
import { leaveNow } from './enrolment/leave-now.js';
import { createMembership, type MembershipRoom } from './enrolment/membership.js';
import type { StepParts } from './enrolment/steps.js';
import { createProbe } from './health/probe.js';
import { createSampler } from './health/sampler.js';
import type { Host } from './host/host.js';
import { openIdentity } from './identity/identity.js';
import { createLink } from './link/link.js';
import { createOutbox } from './link/outbox.js';
import { openSession } from './link/session.js';
import { createRefusals } from './refusals.js';
import { createReset, ResetKind } from './reset/reset.js';
import { createStorage } from './storage/storage.js';
import { openStore } from './store/store.js';

export interface Agent {
  /** Resolves when the standard API answers; enrolling goes on behind it. @throws Refusal */
  start(): Promise<void>;
  /** Harmless when called twice, or before `start` has ended. */
  stop(): Promise<void>;
  status(): AgentStatus;
  /** What the owner decides with. @throws Refusal `unavailable` before the agent has started */
  rooms(): Pick<Parts, 'membership' | 'changes' | 'ledger' | 'owner'>;
  /** Resolves when it is certain to happen; `onRestart` is told behind it. */
  reset(wish: { kind: ResetKind; by: 'console' | 'command'; signer?: OwnerSigner }): Promise<void>;
}

/** What the agent is handed beside its host. */
export interface Around {
  log: Logger;
  directory?: { find(id: string): DirectoryTerritory | undefined };
  factory?: StepParts['factory'];
  /** The agent is to be stopped, and another one started in its place. */
  onRestart?: () => void;
}

/** About a month of minutes' samples. */
const outboxBudgetBytes = 24 * 1024 * 1024;

async function ownRuntimeDirectory(directory: string): Promise<void> {
  await mkdir(path.dirname(directory), { recursive: true }).catch((error: unknown) => {
    if (!isErrno(error, 'EEXIST')) throw new Refusal('directory-owner', directory, { cause: error });
  });
  await ownDirectory(directory);
}

type Parts = Awaited<ReturnType<typeof compose>>;

const noFactory: StepParts['factory'] = {
  idevid: () => undefined,
  voucher: () => undefined,
  spendVoucher: async () => {},
};

function resetOf(
  config: Config,
  host: Host,
  { factory = noFactory }: Pick<Around, 'factory'>,
  onRefused: (refusal: Refusal) => void,
) {
  const { dataDir, bootDir } = config;
  const { clock, files } = host;
  return createReset({
    dataDir,
    bootDir,
    files,
    clock,
    leave: (reason) =>
      leaveNow({
        dataDir,
        files,
        clock,
        reason,
        openIdentity: (directory) => openIdentity({ directory, files }),
        onRefused,
      }).catch((error: unknown) =>
        onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
      ),
    spendVoucher: factory.spendVoucher,
  });
}

/** Opening the store is how to know that no agent has it; a damaged one is a reason to reset. @throws Refusal `directory-in-use` */
async function checkFree(dataDir: string): Promise<void> {
  const store = await openStore(dataDir).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'directory-in-use') throw error;
    return undefined;
  });
  await store?.close();
}

/** For `webizen-agent reset`, when no agent runs. @throws Refusal `directory-in-use` */
export async function resetOffline(config: Config, host: Host, around: Around, kind: ResetKind): Promise<void> {
  await ownDirectory(config.dataDir);
  await checkFree(config.dataDir);
  const reset = resetOf(config, host, around, (refusal) => around.log.warn({ code: refusal.code }, refusal.message));
  await reset.ask({ kind, by: 'command' });
  await reset.perform();
}

async function compose(config: Config, host: Host, around: Around, signal: AbortSignal) {
  const { log, directory = { find: () => undefined }, factory = noFactory } = around;
  const { clock, files } = host;
  await ownDirectory(config.dataDir);
  await ownRuntimeDirectory(config.runtimeDir);
  const refusals = createRefusals({ clock });
  const onRefused = (refusal: Refusal): void => {
    refusals.add(refusal);
    log.warn({ code: refusal.code, ...(refusal.cause ? { err: refusal.cause } : {}) }, refusal.message);
  };
  const reset = resetOf(config, host, around, onRefused);
  if (await reset.isAskedFor()) await checkFree(config.dataDir);
  await reset.look().catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
  });
  const wiped = await reset.perform();
  const store = await openStore(config.dataDir);
  const ledger = await createLedger({ store, clock });
  if (wiped) {
    const { kind, by } = wiped;
    if (!ledger.head()) await ledger.append({ by: 'box', type: kind, facts: { how: by } });
    await reset.close();
  }
  const owner = await createOwner({ dataDir: config.dataDir, files, clock, ledger });
  const freeBytes = (): number => host.freeBytes(config.dataDir);
  const outbox = await createOutbox({ store, budgetBytes: outboxBudgetBytes });
  const storage = await createStorage({ store, clock, freeBytes });
  const membership: MembershipRoom = await createMembership({
    dataDir: config.dataDir,
    files,
    clock,
    signal,
    preset: config.territory && { ...config.territory, claimCodeFile: config.claimCodeFile },
    directory,
    factory,
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
        birth: (id) => ({ ...birth(id), epoch, lastSequence: 0 }),
        onAck: () => {},
        signal,
      });
      await session.end();
    },
    onRefused,
    onRenewed: ({ box, leaf }) => log.info({ box, notAfter: leaf.validTo }, 'certificate renewed'),
  });
  const changes = createChanges({ store, clock, kinds: membership.kinds, onRefused });
  const probe = createProbe({ host, dataDir: config.dataDir });
  const sampler = createSampler({
    probe,
    store: (sample) => outbox.add(sample),
    freeBytes,
    intervalSeconds: config.health.intervalSeconds,
    clock,
    onRefused,
  });

  let hardware: Birth['hardware'];
  const birth = (session: string): Birth => {
    const head = ledger.head();
    return {
      kind: 'birth',
      session,
      epoch: outbox.state().epoch,
      lastSequence: outbox.state().last,
      at: clock.now(),
      agent: version,
      api: apiVersion,
      ...(head ? { ledger: head } : {}),
      ...(hardware ? { hardware } : {}),
    };
  };
  const link = createLink({
    clock,
    outbox,
    batchSeconds: config.health.batchSeconds,
    async access(fresh) {
      hardware ??= await probe.inventory();
      return membership.access(fresh);
    },
    birth,
    reported: () => ({
      at: clock.now(),
      agent: version,
      ...(membership.awaitsOwner() ? { owner: false } : {}),
      apps: apps.list().map(({ id, state, sandbox, restarts }) => ({ id, state, sandbox, restarts })),
    }),
    onBirth: async () => {
      if (!membership.awaitsOwner()) await sampler.sampleNow();
    },
    onRefused,
  });

  const api = createApi({
    apps: config.apps,
    runtimeDir: config.runtimeDir,
    features: {
      box: () => ({
        id: membership.enrolment()?.current()?.box ?? null,
        territory: membership.enrolment()?.lastProfile()?.territory ?? null,
        online: link.online(),
        agent: version,
        api: apiVersion,
        time: clock.now(),
      }),
      health: sampler,
      appView: (id) => apps.show(id),
      storage,
    },
    connectivity: link,
    clock,
    log,
  });
  const apps = createApps({
    apps: config.apps,
    dataDir: config.dataDir,
    runtimeDir: config.runtimeDir,
    socketOf: api.socketOf,
    clock,
    log,
    onChange: () => link.report(),
  });
  return { store, refusals, outbox, storage, ledger, owner, membership, changes, reset, sampler, link, api, apps };
}

function statusOf(parts: Parts): AgentStatus {
  const { refusals, outbox, storage, membership, changes, ledger, owner, sampler, link, apps } = parts;
  const view = membership.view();
  const { box, certificate, phase } = view.current;
  const { epoch, last, acknowledged, waiting, deadLetters, lost } = outbox.state();
  return {
    agent: version,
    state: phase === 'enrolled' ? 'enrolled' : phase === 'none' ? 'unclaimed' : 'enrolling',
    box,
    territory: view.current.territory?.id ?? null,
    certificate,
    membership: view,
    changes: changes.list(),
    ledger: ledger.head() ?? null,
    owner: owner.isSet(),
    link: { online: link.online(), since: link.since() },
    health: { epoch, lastSequence: last, acknowledged, waiting, deadLetters, lost, latest: sampler.latest() },
    apps: apps.list().map((app) => ({ ...app, usedBytes: storage.usedBytes(app.id) })),
    refusals: refusals.list(),
  };
}

export function createAgent(config: Config, host: Host, around: Around): Agent {
  const { log } = around;
  const stopping = new AbortController();
  const { signal } = stopping;
  const undo: (() => Promise<unknown> | unknown)[] = [];
  let parts: Parts | undefined;
  let starting: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  let joining: Promise<void> | undefined;

  /** Behind the API: enrol, then report and renew for as long as the agent runs. */
  async function join({ membership, sampler, link }: Parts): Promise<void> {
    await membership.start();
    await membership.enrolled();
    if (signal.aborted) return;
    log.info({ box: membership.view().current.box }, 'enrolled');
    const report = (): void => {
      if (membership.awaitsOwner()) return;
      sampler.start();
      link.report();
    };
    let awaited = membership.awaitsOwner();
    if (!awaited) sampler.start();
    membership.onChange(() => {
      if (awaited && !membership.awaitsOwner()) report();
      awaited = membership.awaitsOwner();
    });
    link.start();
    await membership.keepRenewing();
  }

  async function start(): Promise<void> {
    const made = await compose(config, host, around, signal);
    parts = made;
    undo.push(() => made.store.close());
    undo.push(() => made.storage.stop());
    signal.throwIfAborted();
    await made.api.start();
    undo.push(() => made.api.stop());
    const control = await serveControl(adminSocket(config.runtimeDir), {
      status: async () => statusOf(made),
      reset: async (parameters) => {
        const read = check(Type.Object({ kind: ResetKind }), parameters);
        if (!read.ok) throw new Refusal('body-invalid', describeFaults(read.faults));
        await reset({ ...read.value, by: 'command' });
      },
    });
    undo.push(() => control.close());
    signal.throwIfAborted();
    undo.push(() => made.changes.stop());
    undo.push(() => made.apps.stop());
    await made.apps.start();
    undo.push(() => made.api.announceShutdown());
    undo.push(() => made.sampler.stop());
    undo.push(() => made.link.stop());
    joining = join(made).catch((error: unknown) => {
      if (!signal.aborted) log.error({ err: error }, 'cannot go on enrolling');
    });
  }

  async function reset(wish: { kind: ResetKind; by: 'console' | 'command'; signer?: OwnerSigner }): Promise<void> {
    const { reset: room, ledger } = running();
    const { kind, by, signer } = wish;
    await ledger.append({ by: signer ? 'owner' : 'box', type: `${kind}-asked`, facts: { how: by } }, signer);
    await room.ask({ kind, by });
    around.onRestart?.();
  }

  function running(): Parts {
    if (!parts) throw new Refusal('unavailable', 'the agent has not started');
    return parts;
  }

  return {
    async start() {
      starting ??= start();
      try {
        await starting;
      } catch (error) {
        await this.stop();
        throw error;
      }
    },
    stop() {
      stopped ??= (async () => {
        stopping.abort();
        await starting?.catch(() => {});
        await joining;
        for (const step of undo.reverse()) await step();
      })();
      return stopped;
    },
    status: () => statusOf(running()),
    rooms: running,
    reset,
  };
}
