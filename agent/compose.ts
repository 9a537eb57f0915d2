/** Every room of the agent, made and handed what it uses; nothing runs yet. */
import path from 'node:path';
import type { Logger } from 'pino';
import type { AgentStatus } from '#contract/agent-status.js';
import { Refusal } from '#contract/problems.js';
import { type AppsApi, createAppsApi } from './api-wiring.js';
import { type InstalledApps, openInstalledApps, runningApps } from './apps-wiring.js';
import { openBackup } from './backup-wiring.js';
import { createChanges } from './changes/changes.js';
import type { Config } from './config.js';
import { createGrants } from './consent/grants.js';
import { createOwner } from './consent/owner-key.js';
import { openPlaces } from './enrolment/places.js';
import { openAppFeatures, openMessages } from './features-wiring.js';
import { openGround } from './ground.js';
import { openHealth } from './health-wiring.js';
import type { Host } from './host/host.js';
import { openLeases } from './leases/open.js';
import { openUplink, type Uplink } from './link-wiring.js';
import { openMembership } from './membership-wiring.js';
import { openNetwork } from './network-wiring.js';
import { openOrigin } from './origin-wiring.js';
import { openOutbox } from './outbox-wiring.js';
import type { Safe } from './safe/safe.js';
import { heldBack } from './safe-wiring.js';
import { checkDeveloping, checkNobodys, type Simulated } from './simulated.js';
import { createStorage } from './storage/storage.js';
import { bootId } from './time/boot.js';
import { openUpdates } from './updates-wiring.js';
import { openVolumeOf } from './volume-wiring.js';

export type Parts = Awaited<ReturnType<typeof compose>>;

export interface ComposeWish {
  signal: AbortSignal;
  simulated?: Simulated | undefined;
  safe: Safe;
  status: () => AgentStatus;
  /** Missing: nobody starts the agent again. */
  restart?: (() => void) | undefined;
  /** The port of the owner's console, once it answers. */
  consolePort: () => number | undefined;
}

export async function compose(config: Config, host: Host, log: Logger, wish: ComposeWish) {
  checkDeveloping(config, wish.simulated);
  const opened = await openGround(config, host, { log, signal: wish.signal });
  try {
    return await composeOn(opened, wish);
  } catch (error) {
    await opened.ground.store.close();
    throw error;
  }
}

async function composeOn(
  { ground, refusals, reset, restoring }: Awaited<ReturnType<typeof openGround>>,
  { simulated, safe, ...around }: ComposeWish,
) {
  const { config, host } = ground;
  const { clock, store, ledger, freeBytes, onRefused } = ground;
  const { dataDir } = config;
  const { files } = host;
  const running = () => runningApps(served.apps, installed);

  const owner = await createOwner({ dataDir, files, clock, ledger });
  const origin = await openOrigin(ground);
  const { factory, directory } = origin;
  const outbox = await openOutbox(ground);
  const storage = await createStorage({
    ...{ store, files, clock, freeBytes, onRefused },
    keysDirectory: path.join(dataDir, 'storage-keys'),
  });
  const membership = await openMembership(ground, {
    ...{ origin, outbox },
    changes: () => changes,
    link: () => uplink.link,
    birth: (session) => uplink.birth(session),
  });
  const network = await openNetwork(ground, { factory, owner, membership });
  const grants = await createGrants({ store, ledger, clock, onRefused });
  const holds = await openLeases({
    ...{ store, ledger, clock, onRefused },
    monotonic: host.monotonic,
    boot: await bootId(host),
    announce: (app, update) =>
      served.api.tell(app, { type: 'update-pending', at: clock.now(), waits: 'begins', ...update }) > 0,
  });
  const messages = await openMessages(ground, {
    ...{ grants, membership },
    bindingOf: (app) => installed?.installer.bindingOf(app),
  });
  const installed: InstalledApps | undefined = await openInstalledApps({
    ...ground,
    ...{ grants, membership, directory },
    storage: {
      usedBytes: storage.usedBytes,
      async forget(app) {
        await messages.forget(app);
        await features.notices.forget(app);
        await holds.updates.done(app);
        await storage.forget(app);
      },
    },
    holds: holds.updates,
    isSafeMode: safe.isOn(),
    sockets: {
      async open(app) {
        if (safe.isOn()) throw new Refusal('safe-mode');
        safe.sawApp(app.id);
        return served.api.open(app);
      },
      close: (id) => served.api.forget(id),
    },
    changes: () => changes,
  });
  const updates = await openUpdates(ground, {
    ...{ membership, holds, running, safe },
    health: () => health,
    link: () => uplink.link,
    changes: () => changes,
    consolePort: around.consolePort,
  });
  const volume = await openVolumeOf(ground);
  const backup = await openBackup(ground, {
    ...{ restoring, owner, membership, installed },
    boxName: factory.name,
    changes: () => changes,
    restart: around.restart,
  });
  const appKinds = installed?.installer.kinds ?? {};
  const kinds = { ...membership.kinds, ...(safe.isOn() ? heldBack(appKinds) : appKinds), ...updates?.kinds };
  const changes = createChanges({ store, clock, kinds, onRefused });
  checkNobodys(config, {
    hasOwner: owner.isSet(),
    isMember: (await (await openPlaces({ dataDir, files })).list()).length > 0,
    hasFactoryIdentity: factory.idevid() !== undefined,
  });
  const features = await openAppFeatures(ground, {
    ...{ membership, simulated },
    releaseOf(id) {
      if (simulated) return simulated.app(id);
      const app = installed?.installer.desk.show(id);
      return app && { release: app.release, version: app.manifest.version };
    },
  });
  const health = await openHealth({
    ...{ config, host, clock, store, membership, freeBytes, onRefused },
    safe: safe.view,
    keep: (sample) => uplink.provider.keep(sample),
    intervalSeconds: () => uplink.provider.intervals().sampleSeconds,
    apps: () => running().map((app) => ({ ...app, pid: app.pid ?? installed?.runner.show(app.id)?.pid ?? null })),
    onReport: () => uplink.link.report(),
  });
  const { sampler } = health;
  const uplink: Uplink = await openUplink(ground, {
    ...{ outbox, changes, membership, health, holds, messages, installed, running, updates, volume },
    ...around,
  });
  const { link, events, provider, putTimesRight } = uplink;
  const served: AppsApi = createAppsApi(ground, {
    ...{ storage, membership, grants, holds, messages, features, sampler, link, installed, simulated },
  });
  installed?.installer.desk.onChange(() => link.report());
  holds.leases.onChange(() => link.report()); // of the apps of the configuration too
  health.conditions.subscribe(() => updates?.look());
  updates?.owner.onChange(() => link.report());
  return {
    ...{
      clock,
      store,
      ledger,
      refusals,
      reset,
      restoring,
      backup,
      owner,
      factory,
      directory,
      membership,
      changes,
      grants,
    },
    ...{ outbox, events, link, provider, putTimesRight, health, sampler },
    ...{
      network,
      storage,
      holds,
      messages,
      installed,
      running,
      updates,
      volume,
      notices: features.notices,
      egress: features.egress,
    },
    ...{ api: served.api, apps: served.apps, space: served.space },
    /** Once the membership has started: what an image brought before. */
    tellStandings: () => origin.tellStandings(() => membership.view().current.territory?.id),
  };
}
