/**
 * The agent, composed: the one place where the rooms meet. `start` makes the standard API answer first; enrolment, link
 * and health follow behind it, because everything local works without the provider.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { serveControl } from '#common/control.js';
import { isErrno, ownDirectory } from '#common/files.js';
import { releasedAt, version } from '#common/version.js';
import type { AgentStatus } from '#contract/agent-status.js';
import { apiVersion } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import type { Birth } from '#contract/status.js';
import { createApi } from './api/api.js';
import { createApps } from './apps/apps.js';
import { adminSocket, type Config } from './config.js';
import { createEnrolment } from './enrolment/enrolment.js';
import { createProbe } from './health/probe.js';
import { createSampler } from './health/sampler.js';
import type { Host } from './host/host.js';
import { openIdentity } from './identity/identity.js';
import { createLink } from './link/link.js';
import { createOutbox } from './link/outbox.js';
import { createRefusals } from './refusals.js';
import { createStorage } from './storage/storage.js';
import { openStore } from './store/store.js';
import { bootId } from './time/boot.js';
import { createTrustedTime } from './time/trusted-time.js';

export interface Agent {
  /** Resolves when the standard API answers; enrolling goes on behind it. @throws Refusal */
  start(): Promise<void>;
  /** Harmless when called twice, or before `start` has ended. */
  stop(): Promise<void>;
  status(): AgentStatus;
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

async function compose(config: Config, host: Host, log: Logger, signal: AbortSignal) {
  const { files } = host;
  await ownDirectory(config.dataDir);
  await ownRuntimeDirectory(config.runtimeDir);
  const clock = await createTrustedTime({
    file: path.join(config.dataDir, 'time.json'),
    files,
    clock: host.clock,
    monotonic: host.monotonic,
    boot: await bootId(host),
    releasedAt,
  });
  const store = await openStore(config.dataDir);
  const refusals = createRefusals({ clock });
  const onRefused = (refusal: Refusal): void => {
    refusals.add(refusal);
    log.warn({ code: refusal.code, ...(refusal.cause ? { err: refusal.cause } : {}) }, refusal.message);
  };
  const freeBytes = (): number => host.freeBytes(config.dataDir);
  const outbox = await createOutbox({ store, budgetBytes: outboxBudgetBytes });
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
  const storage = await createStorage({ store, clock, freeBytes });
  const identity = await openIdentity({ dataDir: config.dataDir, files });
  const enrolment = await createEnrolment({
    est: config.territory.est,
    caSha256: config.territory.caSha256,
    claimCodeFile: config.claimCodeFile,
    dataDir: config.dataDir,
    identity,
    files,
    clock,
    signal,
    onRefused,
    onRenewed: ({ box, leaf }) => log.info({ box, notAfter: leaf.validTo }, 'certificate renewed'),
  });
  const probe = createProbe({ host, dataDir: config.dataDir });
  const sampler = createSampler({
    probe,
    store: (sample) => outbox.add(sample),
    stamp: clock.stamp,
    freeBytes,
    intervalSeconds: config.health.intervalSeconds,
    clock,
    onRefused,
  });

  let hardware: Birth['hardware'];
  const link = createLink({
    clock,
    outbox,
    batchSeconds: config.health.batchSeconds,
    async access(fresh) {
      hardware ??= await probe.inventory();
      const profile = await enrolment.profile(fresh || !clock.trusted()); // its answer tells the time
      const now = enrolment.current();
      if (!now) throw new Refusal('unavailable', 'not enrolled yet');
      return { profile, credentials: { identity: now, trust: await enrolment.trust() } };
    },
    moment: clock.moment,
    async learnTime() {
      if (!clock.trusted()) await enrolment.profile(true).catch(() => {}); // refused or not, it has been told
      await putTimesRight();
    },
    birth: (session) => ({
      kind: 'birth',
      session,
      epoch: outbox.state().epoch,
      lastSequence: outbox.state().last,
      at: clock.now(),
      time: clock.trusted() ? 'authenticated' : 'unknown',
      agent: version,
      api: apiVersion,
      ...(hardware ? { hardware } : {}),
    }),
    reported: () => ({
      at: clock.now(),
      agent: version,
      apps: apps.list().map(({ id, state, sandbox, restarts }) => ({ id, state, sandbox, restarts })),
    }),
    onBirth: () => sampler.sampleNow(),
    onRefused,
  });

  const api = createApi({
    apps: config.apps,
    runtimeDir: config.runtimeDir,
    features: {
      box: () => ({
        id: enrolment.current()?.box ?? null,
        territory: enrolment.lastProfile()?.territory ?? null,
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
  return { clock, putTimesRight, store, refusals, outbox, storage, enrolment, sampler, link, api, apps };
}

function statusOf({ clock, refusals, outbox, storage, enrolment, sampler, link, apps }: Parts): AgentStatus {
  const now = enrolment.current();
  const { epoch, last, acknowledged, waiting, deadLetters, lost } = outbox.state();
  return {
    agent: version,
    state: now ? 'enrolled' : 'enrolling',
    box: now?.box ?? null,
    territory: enrolment.lastProfile()?.territory.id ?? null,
    certificate: now
      ? {
          serial: now.leaf.serialNumber,
          notAfter: Date.parse(now.leaf.validTo),
          renewAt: Math.round(enrolment.renewAt() ?? 0),
        }
      : null,
    time: { now: clock.now(), source: clock.source(), offered: clock.offered() ?? null },
    link: { online: link.online(), since: link.since() },
    health: { epoch, lastSequence: last, acknowledged, waiting, deadLetters, lost, latest: sampler.latest() },
    apps: apps.list().map((app) => ({ ...app, usedBytes: storage.usedBytes(app.id) })),
    refusals: refusals.list(),
  };
}

export function createAgent(config: Config, host: Host, { log }: { log: Logger }): Agent {
  const stopping = new AbortController();
  const { signal } = stopping;
  const undo: (() => Promise<unknown> | unknown)[] = [];
  let parts: Parts | undefined;
  let starting: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  let joining: Promise<void> | undefined;

  /** Behind the API: enrol, then report and renew for as long as the agent runs. */
  async function join({ enrolment, sampler, link }: Parts): Promise<void> {
    const { box } = await enrolment.enrol();
    log.info({ box }, 'enrolled');
    sampler.start();
    link.start();
    await enrolment.keepRenewing();
  }

  async function start(): Promise<void> {
    const made = await compose(config, host, log, signal);
    parts = made;
    undo.push(() => made.store.close());
    undo.push(() => made.clock.stop());
    made.clock.start();
    undo.push(made.clock.subscribe(() => void made.putTimesRight()));
    await made.putTimesRight(); // an agent that was started again within one boot knows the time already
    undo.push(() => made.storage.stop());
    signal.throwIfAborted();
    await made.api.start();
    undo.push(() => made.api.stop());
    const control = await serveControl(adminSocket(config.runtimeDir), { status: async () => statusOf(made) });
    undo.push(() => control.close());
    signal.throwIfAborted();
    undo.push(() => made.apps.stop());
    await made.apps.start();
    undo.push(() => made.api.announceShutdown());
    undo.push(() => made.sampler.stop());
    undo.push(() => made.link.stop());
    joining = join(made).catch((error: unknown) => {
      if (!signal.aborted) log.error({ err: error }, 'cannot go on enrolling');
    });
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
    status() {
      if (!parts) throw new Refusal('unavailable', 'the agent has not started');
      return statusOf(parts);
    },
  };
}
