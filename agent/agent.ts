/**
 * The agent, composed: the one place where the rooms meet. `start` makes the standard API answer first; enrolment, link
 * and health follow behind it, because everything local works without the provider.
 */
import type { Logger } from 'pino';
import { Type } from 'typebox';
import { serveControl } from '#common/control.js';
import { version } from '#common/version.js';
import type { AgentStatus } from '#contract/agent-status.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { stopApps, stopWithMachine } from './apps-stopping.js';
import { compose, type Parts } from './compose.js';
import { adminSocket, type Config } from './config.js';
import type { OwnerSigner } from './consent/ledger.js';
import type { Host } from './host/host.js';
import { createOwnerConsole, type OwnerConsole } from './owner/console.js';
import { ResetKind } from './reset/reset.js';
import type { SafeLimits } from './safe/record.js';
import { neverSafe, type Safe } from './safe/safe.js';
import { openBareConsole, openSafeMode, tellSafe } from './safe-wiring.js';
import type { Simulated } from './simulated.js';

export interface Agent {
  /** Resolves when the standard API answers; enrolling goes on behind it. @throws Refusal */
  start(): Promise<void>;
  /** Harmless when called twice, or before `start` has ended. */
  stop(): Promise<void>;
  status(): AgentStatus;
  /** Where the owner's console answers, complete after `start`; undefined where there is none. */
  console(): { address: string; port: number; httpsPort: number | undefined } | undefined;
  /** What the owner decides with. @throws Refusal `unavailable` before the agent has started */
  rooms(): Pick<
    Parts,
    | 'membership'
    | 'changes'
    | 'ledger'
    | 'owner'
    | 'storage'
    | 'grants'
    | 'installed'
    | 'messages'
    | 'api'
    | 'clock'
    | 'egress'
    | 'outbox'
    | 'link'
    | 'store'
    | 'sampler'
    | 'provider'
    | 'events'
    | 'updates'
    | 'network'
    | 'backup'
    | 'restoring'
  >;
  safe(): Safe;
  /** Resolves when it is certain to happen; `onRestart` is told behind it. */
  reset(wish: { kind: ResetKind; by: 'console' | 'command'; signer?: OwnerSigner }): Promise<void>;
}

/** What the agent is handed beside its host. */
export interface Around {
  log: Logger;
  /** Where the built pages of the owner's console lie. */
  ownerAssets?: string;
  /** On a developer's machine alone. */
  simulated?: Simulated;
  /** The agent is to be stopped, and another one started in its place. */
  onRestart?: () => void;
  /** When safe mode begins and ends; as in `safe/record.ts` where nothing is said. */
  safeLimits?: SafeLimits;
}

function statusOf(parts: Parts): AgentStatus {
  const { clock, refusals, outbox, storage, membership, changes, ledger, owner, health, link } = parts;
  const view = membership.view();
  const { box, certificate, phase } = view.current;
  const { epoch, last, acknowledged, waiting, deadLetters, lost } = outbox.state();
  return {
    agent: version,
    state: phase === 'enrolled' ? 'enrolled' : phase === 'none' ? 'unclaimed' : 'enrolling',
    box,
    territory: view.current.territory?.id ?? null,
    certificate,
    time: { now: clock.now(), source: clock.source(), offered: clock.offered() ?? null },
    membership: view,
    changes: changes.list(),
    ledger: ledger.head() ?? null,
    owner: owner.isSet(),
    link: { online: link.online(), since: link.since() },
    health: {
      ...{ epoch, lastSequence: last, acknowledged, waiting, deadLetters, lost },
      latest: health.sampler.latest(),
      conditions: health.conditions.list(),
    },
    events: parts.events.counts(),
    apps: parts.running().map((app) => ({ ...app, usedBytes: storage.usedBytes(app.id) })),
    refusals: refusals.list(),
  };
}

export function createAgent(config: Config, host: Host, around: Around): Agent {
  const { log } = around;
  const stopping = new AbortController();
  const { signal } = stopping;
  let undo: (() => Promise<unknown> | unknown)[] = [];
  let safe: Safe = neverSafe;
  let hasFailed = false;
  let isRestarting = false;
  let parts: Parts | undefined;
  let starting: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  let joining: Promise<void> | undefined;
  let owners: Pick<OwnerConsole, 'address' | 'httpsPort'> | undefined;
  let ownersPort = 0;

  /** Behind the API: enrol, then report and renew for as long as the agent runs. */
  async function join({
    membership,
    sampler,
    link,
    directory,
    tellStandings,
    installed,
    provider,
    updates,
  }: Parts): Promise<void> {
    if (directory)
      void directory.keepFresh(signal).catch((error: unknown) => log.error({ err: error }, 'cannot refresh'));
    await membership.start();
    tellStandings();
    await provider.room.start();
    membership.onChange(() => provider.room.look());
    // Behind the changes, which the membership has started.
    if (!safe.isOn()) await installed?.installer.start();
    await updates?.start();
    if (installed && !safe.isOn()) {
      const { members, links, terms } = installed;
      members.start();
      await links.start();
      await terms.start();
      installed.metering.start();
      installed.months.start();
      link.subscribe((online) => {
        if (!online) return;
        // Who was cut off for a while hears first of all who must not run any more.
        void members.refresh().catch(() => {}); // it asks again by itself, and tells then
        links.refresh();
        terms.wake();
        installed.metering.wake();
        installed.months.wake();
      });
      let { box } = membership.view().current;
      membership.onChange(() => {
        const now = membership.view().current.box;
        if (now !== box) links.refresh(); // a box that has moved has no links where it was
        box = now;
      });
    }
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

  /** Told once, whoever asks for it beside whom: each time another agent is started. */
  function onRestart(): void {
    if (isRestarting) return;
    isRestarting = true;
    around.onRestart?.();
  }
  const restart = around.onRestart && onRestart;

  async function start(): Promise<void> {
    const wish = { log, limits: around.safeLimits, restart };
    safe = await openSafeMode(config, host, wish);
    try {
      await startRooms();
    } catch (error) {
      if (signal.aborted || !safe.isOn() || !config.owner) throw error;
      log.error({ err: error }, 'cannot start in safe mode either');
      await halt();
      const bare = await openBareConsole(config, host, { ...wish, safe, error, assetsDir: around.ownerAssets ?? '' });
      undo.push(() => bare.stop());
      ownersPort = await bare.start();
      const { host: place } = config.owner;
      owners = { address: () => `http://${place}:${ownersPort}`, httpsPort: () => undefined };
      safe.start(() => {});
    }
  }

  async function halt(): Promise<void> {
    const steps = undo.reverse();
    undo = [];
    for (const step of steps) await step();
  }

  async function startRooms(): Promise<void> {
    const made = await compose(config, host, log, {
      ...{ signal, safe, simulated: around.simulated, restart },
      status: () => statusOf(running()),
      consolePort: () => (ownersPort > 0 ? ownersPort : undefined),
    });
    parts = made;
    undo.push(() => made.store.close());
    undo.push(() => made.outbox.close());
    undo.push(() => made.clock.stop());
    made.clock.start();
    undo.push(made.clock.subscribe(() => void made.putTimesRight()));
    await made.putTimesRight(); // an agent that was started again within one boot knows the time already
    undo.push(() => made.storage.stop());
    signal.throwIfAborted();
    await made.api.start();
    undo.push(() => made.api.stop());
    undo.push(() => made.egress.stop());
    const control = await serveControl(adminSocket(config.runtimeDir), {
      alive: async () => true,
      status: async () => statusOf(made),
      ledger: () => made.ledger.export(),
      reset: async (parameters) => {
        const read = check(Type.Object({ kind: ResetKind }), parameters);
        if (!read.ok) throw new Refusal('body-invalid', describeFaults(read.faults));
        await reset({ ...read.value, by: 'command' });
      },
    });
    undo.push(() => control.close());
    signal.throwIfAborted();
    if (config.owner) {
      const opened = openConsole(made);
      owners = opened;
      undo.push(() => opened.stop());
      ownersPort = await opened.start();
    }
    await made.network?.room.start();
    undo.push(() => made.network?.room.stop());
    made.grants.start();
    undo.push(() => made.grants.stop());
    if (!safe.isOn()) made.messages.start();
    undo.push(() => made.messages.stop());
    made.holds.start();
    undo.push(() => made.holds.stop());
    if (!safe.isOn()) made.space.start();
    undo.push(() => made.space.stop());
    await made.installed?.runner.open();
    undo.push(() => made.installed?.runner.close());
    undo.push(() => stopWithMachine(made.installed?.runner, host, log));
    undo.push(() => made.changes.stop());
    undo.push(() => made.installed?.installer.stop());
    undo.push(() => made.installed?.members.stop());
    undo.push(() => made.installed?.links.stop());
    undo.push(() => made.installed?.terms.stop());
    undo.push(() => made.installed?.metering.stop());
    undo.push(() => made.installed?.months.stop());
    undo.push(() => made.apps.stop());
    // They run on behind an agent that ends; here nobody is there for them, and one may be the cause.
    const { clock } = host;
    if (safe.isOn()) void stopApps(made.installed?.runner, { clock, log, withinMilliseconds: 600_000 });
    else await made.apps.start();
    undo.push(() => made.api.announceShutdown());
    undo.push(() => made.updates?.stop());
    undo.push(() => made.provider.room.stop());
    undo.push(() => made.health.stop());
    await made.events.start();
    undo.push(() => made.events.stop());
    undo.push(() => made.link.stop());
    await made.restoring.settle(); // with what came back, it has started
    made.backup.start();
    undo.push(() => made.backup.stop());
    tellSafe(safe, made.events, made.clock.now);
    joining = join(made).catch((error: unknown) => {
      if (!signal.aborted) log.error({ err: error }, 'cannot go on enrolling');
    });
  }

  function openConsole(made: Parts): OwnerConsole {
    const { factory, owner, membership, changes, ledger, directory, clock } = made;
    const { host: place = '', port = 0, httpsPort, mdns = true } = config.owner ?? {};
    return createOwnerConsole({
      factory,
      owner,
      membership,
      changes,
      ledger,
      reset: (asked) => reset({ ...asked, by: 'console' }),
      directory: {
        list() {
          const now = directory?.current();
          return {
            territories: now?.directory.territories ?? [],
            sequence: now?.directory.sequence ?? null,
            expiresAt: now?.directory.expiresAt ?? null,
            expired: now?.expired ?? false,
          };
        },
        async refresh() {
          if (!directory) throw new Refusal('directory-unreachable', 'this box was given no list to begin with');
          await directory.refresh(signal);
        },
      },
      status: () => statusOf(made),
      link: made.link,
      conditions: made.health.conditions,
      notices: made.notices,
      provider: made.provider.owner,
      backup: made.backup,
      ...(made.updates && { system: made.updates.owner }),
      safe: { view: () => safe.view(clock.now()), leave: safe.leave },
      ...(made.volume && { volume: made.volume }),
      ...(made.network && { network: made.network.owner }),
      ...(made.installed && {
        apps: made.installed.installer.desk,
        links: made.installed.links,
        terms: made.installed.terms,
        metering: made.installed.metering,
        months: made.installed.months,
        grants: made.grants,
        logs: made.installed.runner.logs,
        data: made.storage,
      }),
      time: clock,
      dataDir: config.dataDir,
      ...(config.bootDir === undefined ? {} : { bootDir: config.bootDir }),
      assetsDir: around.ownerAssets ?? '',
      files: host.files,
      clock,
      ticks: { now: host.monotonic, sleep: host.clock.sleep },
      log,
      host: place,
      port,
      ...(httpsPort === undefined ? {} : { httpsPort }),
      ...(mdns ? {} : { mdns: false }),
    });
  }

  async function reset(wish: { kind: ResetKind; by: 'console' | 'command'; signer?: OwnerSigner }): Promise<void> {
    const { reset: room, ledger } = running();
    const { kind, by, signer } = wish;
    await ledger.append({ by: signer ? 'owner' : 'box', type: `${kind}-asked`, facts: { how: by } }, signer);
    await room.ask({ kind, by });
    onRestart();
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
        hasFailed = !signal.aborted;
        await this.stop();
        throw error;
      }
    },
    stop() {
      stopped ??= (async () => {
        stopping.abort();
        await starting?.catch(() => {});
        await parts?.changes.stop(); // whoever waits for a change to end waits no longer
        await joining;
        await halt();
        await safe.stop({ inOrder: !hasFailed });
      })();
      return stopped;
    },
    status: () => statusOf(running()),
    console: () => owners && { address: owners.address(), port: ownersPort, httpsPort: owners.httpsPort() },
    rooms: running,
    safe: () => safe,
    reset,
  };
}
