/** The apps that the owner installs, wired: what runs them, who answers for them, and where they come from. */
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import type { Logger } from 'pino';
import { Refusal } from '#contract/problems.js';
import { createCatalogue } from './apps/catalogue.js';
import { type AppBinding, createInstaller, type Installer } from './apps/installer.js';
import { createPodmanRunner } from './apps/runtime/podman-runner.js';
import type { Runner } from './apps/runtime/runner.js';
import type { Holds } from './apps/uses.js';
import type { Changes } from './changes/changes.js';
import type { Config } from './config.js';
import type { Grants } from './consent/grants.js';
import type { Ledger } from './consent/ledger.js';
import type { BoxDirectory } from './directory/directory.js';
import { createResolver, ownNetworks } from './egress/dns.js';
import { createEgress, type Egress } from './egress/egress.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Host } from './host/host.js';
import { type Attestor, createAboutKey, createAttestor } from './identity/attest.js';
import { createSay } from './links/client.js';
import { createLinkRoom, type LinkRoom } from './links/links.js';
import { createMembers, type Members, memberKeysOf } from './members/members.js';
import { createMessages, type Messages } from './messages/messages.js';
import { createNotices, type Notices } from './notices/notices.js';
import type { Simulated } from './simulated.js';
import type { Storage } from './storage/storage.js';
import type { Store } from './store/store.js';
import type { TrustedTime } from './time/trusted-time.js';

export interface InstalledApps {
  members: Members;
  runner: Runner;
  installer: Installer;
  links: LinkRoom;
}

export interface InstalledAppsWish {
  config: Config;
  host: Host;
  clock: TrustedTime;
  store: Store;
  ledger: Ledger;
  storage: Pick<Storage, 'usedBytes' | 'forget'>;
  grants: Grants;
  holds: Holds;
  membership: MembershipRoom;
  directory: BoxDirectory | undefined;
  sockets: { open(app: { id: string; quotaBytes: number }): Promise<string>; close(id: string): Promise<void> };
  changes: () => Changes;
  freeBytes: () => number;
  log: Logger;
  signal: AbortSignal;
  onRefused: (refusal: Refusal) => void;
}

/** What apps are offered beside their storage: word of who they are, a way to tell the owner something, servers outside. */
export async function openAppFeatures(wish: {
  host: Host;
  store: Store;
  clock: TrustedTime;
  membership: MembershipRoom;
  simulated?: Simulated | undefined;
  releaseOf: (app: string) => { release: string; version: string } | undefined;
}): Promise<{ attest: Attestor; notices: Notices; egress: Egress }> {
  const { host, store, clock, membership, simulated, releaseOf } = wish;
  const hostOf = (address: string | undefined): { host: string }[] =>
    address === undefined || !URL.canParse(address) ? [] : [{ host: new URL(address).hostname }];
  return {
    attest: createAttestor({
      clock,
      releaseOf,
      standing() {
        if (simulated) return simulated.standing();
        const now = membership.enrolment()?.current();
        const territory = membership.enrolment()?.lastProfile()?.territory.id;
        return now && territory !== undefined ? { ...now, territory } : undefined;
      },
    }),
    notices: await createNotices({ store, clock }),
    egress: createEgress({
      resolve: host.outside?.resolve ?? createResolver(),
      ...(host.outside && { dialTo: host.outside.dial }),
      ownNetworks,
      // An app has no business with the provider: what it has to say there goes through the box.
      barred: () => [
        ...hostOf(membership.origin()?.href),
        ...hostOf(membership.enrolment()?.lastProfile()?.broker.url),
      ],
      clock,
    }),
  };
}

/** Messages between apps and their makers, signed as the box is known at the moment. */
export function openMessages(wish: {
  config: Config;
  host: Host;
  store: Store;
  clock: TrustedTime;
  grants: Grants;
  membership: MembershipRoom;
  bindingOf: (app: string) => AppBinding | undefined;
  onRefused: (refusal: Refusal) => void;
}): Promise<Messages> {
  const { config, host, store, clock, grants, membership, bindingOf, onRefused } = wish;
  const aboutKey = createAboutKey();
  return createMessages({
    dataDir: config.dataDir,
    files: host.files,
    ...{ store, clock, bindingOf, onRefused },
    mayUse: (app) => grants.allows(app, 'messages'),
    onGrantChange: (listener) => grants.onChange(listener),
    async signing() {
      const now = membership.enrolment()?.current();
      const territory = membership.enrolment()?.lastProfile()?.territory.id;
      if (!now || territory === undefined) return undefined;
      return { box: now.box, territory, key: now.key, ...(await aboutKey(now)) };
    },
  });
}

/** As OCI names it. Releases are made for these two; on another machine none of them starts. */
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

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
  });

  const runner = createPodmanRunner({
    socketPath: config.runtime.podman,
    stateDirectory: path.join(config.runtimeDir, 'runtime'),
    files: host.files,
    kernel: host.kernel,
    clock,
    log: wish.log,
  });

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
    runner,
    sockets: wish.sockets,
    grants: wish.grants,
    holds: wish.holds,
    storage: wish.storage,
    ledger: wish.ledger,
    changes: wish.changes,
    mandates: { of: (verified) => links.mandates.of(verified) },
    clock,
    freeBytes: wish.freeBytes,
    onRefused,
  });
  const links: LinkRoom = await createLinkRoom({
    store: wish.store,
    ledger: wish.ledger,
    own() {
      const box = membership.enrolment()?.current()?.box;
      const territory = own();
      return box === undefined || territory === undefined ? undefined : { box, territory };
    },
    desk: installer.desk,
    grants: wish.grants,
    changes: wish.changes,
    say: createSay({ access, moment: clock.moment, signal }),
    ...{ members, clock, architecture, onRefused },
  });
  return { members, runner, installer, links };
}
