/** The apps that the owner installs, wired: what runs them, who answers for them, and where they come from. */
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';
import type { Sandbox } from '#contract/status.js';
import type { MonthsRoom } from './accounts/months.js';
import { openMonths } from './accounts-wiring.js';
import type { AppStatus, Apps } from './apps/apps.js';
import { createCatalogue } from './apps/catalogue.js';
import { createInstaller, type Installer } from './apps/installer.js';
import { createPodmanRunner } from './apps/runtime/podman-runner.js';
import type { AppRun, Runner } from './apps/runtime/runner.js';
import type { Holds } from './apps/uses.js';
import type { Changes } from './changes/changes.js';
import type { Grants } from './consent/grants.js';
import type { BoxDirectory } from './directory/directory.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Ground } from './ground.js';
import { createSay } from './links/client.js';
import { createLinkRoom, type LinkRoom } from './links/links.js';
import { createMembers, type Members, memberKeysOf } from './members/members.js';
import type { Metering } from './metering/metering.js';
import type { Storage } from './storage/storage.js';
import type { TermsRoom } from './terms/terms.js';
import { openTerms } from './terms-wiring.js';

export interface InstalledApps {
  members: Members;
  runner: Runner;
  installer: Installer;
  links: LinkRoom;
  terms: TermsRoom;
  metering: Metering;
  months: MonthsRoom;
}

export interface InstalledAppsWish extends Ground {
  storage: Pick<Storage, 'usedBytes' | 'forget'>;
  grants: Grants;
  holds: Holds;
  membership: MembershipRoom;
  directory: BoxDirectory | undefined;
  sockets: { open(app: { id: string; quotaBytes: number }): Promise<string>; close(id: string): Promise<void> };
  changes: () => Changes;
  /** No app is started. */
  isSafeMode: boolean;
}

/** As OCI names it. Releases are made for these two; on another machine none of them starts. */
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** As status and report name it. */
export type RunningApp = Omit<AppStatus, 'sandbox'> & { sandbox: Sandbox };

/** Those of the configuration, and those that the owner installed. */
export const runningApps = (apps: Apps, installed: InstalledApps | undefined): RunningApp[] => [
  ...apps.list(),
  ...(installed?.installer.desk.list() ?? []).map(({ id, state, sandbox, restarts, grants: held, quotaBytes }) => ({
    ...{ id, state, sandbox, restarts, quotaBytes },
    pid: null,
    grants: held.map(({ capability }) => capability),
  })),
];

/** Undefined where the configuration names nothing that could run them. */
export async function openInstalledApps(wish: InstalledAppsWish): Promise<InstalledApps | undefined> {
  const { config, host, clock, membership, directory, signal, onRefused } = wish;
  if (!config.runtime) return undefined;
  const own = (): string | undefined => membership.view().current.territory?.id;

  const members = await createMembers({
    store: wish.store,
    clock,
    own,
    keys: (territory) =>
      memberKeysOf(territory, {
        listed: (id) => directory?.find(id),
        profile: () => membership.enrolment()?.lastProfile(),
      }),
    async reach(territory) {
      const est = membership.origin();
      const enrolment = membership.enrolment();
      if (territory === own() && est && enrolment) return { est, trust: await enrolment.trust() };
      const listed = directory?.find(territory);
      if (!listed) return undefined;
      const anchors = listed.ca.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
      return { est: new URL(listed.est), trust: { anchors } };
    },
    async relearn(territory) {
      if ((directory?.find(territory)?.memberKeys ?? []).length > 0) await directory?.refresh(signal);
      else if (territory === own()) await membership.access(true); // the profile names them
    },
    onRefused,
    onFork: async ({ territory, held, shown }) =>
      void (await wish.ledger.append({ by: 'box', type: 'register.forked', facts: { territory, held, shown } })),
  });

  const podman = createPodmanRunner({
    socketPath: config.runtime.podman,
    stateDirectory: path.join(config.runtimeDir, 'runtime'),
    files: host.files,
    flush: host.flush,
    clock,
    log: wish.log,
  });
  const stopped: AppRun = { state: 'stopped', restarts: 0, health: null, sandbox: podman.sandbox, pid: null };
  const runner: Runner = wish.isSafeMode ? { ...podman, show: () => stopped } : podman;

  /** Where the catalogue is, and links are kept. */
  async function access() {
    const est = membership.origin();
    const enrolment = membership.enrolment();
    const identity = enrolment?.current();
    if (!est || !enrolment || !identity) throw new Refusal('not-a-member');
    return { est, identity, trust: await enrolment.trust() };
  }

  const installer: Installer = await createInstaller({
    dataDir: config.dataDir,
    store: wish.store,
    architecture,
    own,
    members,
    catalogue: createCatalogue({
      access,
      moment: clock.moment,
      architecture,
      signal,
    }),
    shipped: config.runtime.shipped,
    runner,
    sockets: wish.sockets,
    grants: wish.grants,
    holds: wish.holds,
    storage: wish.storage,
    ledger: wish.ledger,
    changes: wish.changes,
    mandates: { of: (verified) => links.mandates.of(verified) },
    terms: {
      covers: (release) => terms.covers(release),
      holds: (app) => terms.holds(app),
      onChange: (listener) => terms.onChange(listener),
    },
    clock,
    freeBytes: wish.freeBytes,
    onRefused,
  });
  const ownBox = (): { box: string; territory: string } | undefined => {
    const box = membership.enrolment()?.current()?.box;
    const territory = own();
    return box === undefined || territory === undefined ? undefined : { box, territory };
  };
  const { terms, metering } = await openTerms(wish, { desk: installer.desk, membership, own: ownBox, access });
  const months = await openMonths(wish, { terms, metering, own: ownBox, access });
  const links: LinkRoom = await createLinkRoom({
    store: wish.store,
    ledger: wish.ledger,
    own: ownBox,
    desk: installer.desk,
    grants: wish.grants,
    changes: wish.changes,
    say: createSay({ access, moment: clock.moment, signal }),
    ...{ members, clock, architecture, onRefused },
  });
  return { members, runner, installer, links, terms, metering, months };
}
