/** The standard API, wired: what each app reaches over its socket, and the apps of the configuration that use it. */
import { version } from '#common/version.js';
import { apiVersion } from '#contract/api.js';
import { createApi, type StandardApi } from './api/api.js';
import { tellApps } from './app-telling.js';
import { type Apps, createApps } from './apps/apps.js';
import type { InstalledApps } from './apps-wiring.js';
import type { Grants } from './consent/grants.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { AppFeatures } from './features-wiring.js';
import type { Ground } from './ground.js';
import type { Sampler } from './health/sampler.js';
import type { LeaseRoom } from './leases/open.js';
import type { Link } from './link/link.js';
import type { Messages } from './messages/messages.js';
import type { Simulated } from './simulated.js';
import type { SpaceWatch } from './storage/space-watch.js';
import type { Storage } from './storage/storage.js';

export interface AppsApi {
  readonly api: StandardApi;
  /** Those of the configuration. */
  readonly apps: Apps;
  readonly space: SpaceWatch;
}

export interface AppsApiWish {
  storage: Storage;
  membership: MembershipRoom;
  grants: Grants;
  holds: LeaseRoom;
  messages: Messages;
  features: AppFeatures;
  sampler: Sampler;
  link: Link;
  installed: InstalledApps | undefined;
  simulated: Simulated | undefined;
}

export function createAppsApi({ config, clock, log, freeBytes }: Ground, wish: AppsApiWish): AppsApi {
  const { storage, membership, grants, holds, messages, features, sampler, link, installed, simulated } = wish;
  const { dataDir, runtimeDir } = config;
  const { attest, notices, egress } = features;
  const connectivity = simulated?.connectivity ?? link;
  const telling = tellApps({ ...{ desk: installed?.installer.desk, storage, freeBytes, clock }, api: () => api });
  const api = createApi({
    apps: config.apps,
    runtimeDir,
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
      ...(installed && { metering: installed.metering }),
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
    runtimeDir,
    socketOf: api.socketOf,
    clock,
    log,
    onChange: () => link.report(),
  });
  return { api, apps, space: telling.space };
}
