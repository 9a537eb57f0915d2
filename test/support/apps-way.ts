/** The whole way of an app: a provider, a member with the `webizen` command, and an owned box with podman. */
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Test } from 'tap';
import { systemClock } from '#common/clock.js';
import type { Capability } from '#contract/capabilities.js';
import type { Change } from '#contract/changes.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { InstalledApp } from '#contract/installed.js';
import type { Manifest } from '#contract/manifest.js';
import type { OwnerSigner } from '../../agent/consent/ledger.js';
import type { Host } from '../../agent/host/host.js';
import { killed, type TestBox, testBox } from './box.js';
import { type TestPodman, testPodman } from './podman.js';
import { askCommand, freePortBase, type ProviderWish, type TestProvider, testProvider } from './provider.js';
import { type Laptop, laptop } from './var.js';

export const passphrase = 'tram lantern quartz pillow';

/** A provider that runs as the built command, and a member of its territory. */
export interface Vendor {
  provider: TestProvider;
  serving: ChildProcess;
  own: Laptop;
  /** `webizen`, which must end well; answers what it says. */
  done(...args: string[]): string;
  /** `webizen-provider`, the same way. */
  operator(...args: string[]): Promise<string>;
  /** The folder's app as a new version, signed; answers its archive. */
  sign(folder: string, version: string, change?: (manifest: Manifest) => Manifest, ...more: string[]): Promise<string>;
  /** The same, published; answers its release. */
  publish(folder: string, version: string, change?: (manifest: Manifest) => Manifest): Promise<string>;
}

export interface Way extends Vendor {
  podman: TestPodman;
  box: TestBox;
  signer: OwnerSigner;
}

export async function openVendor(
  t: Test,
  {
    base,
    member,
    ...about
  }: { base: string; territory: string; name: string; member: string; leafLifetime?: string; provider?: ProviderWish },
): Promise<Vendor> {
  const provider = await testProvider(t, about);
  const serving = await provider.spawn();
  t.teardown(() => killed(serving));
  return joined(t, { base, provider, serving, member, called: 'Acme Apps' });
}

/** Somebody is admitted to the territory, who has nothing but a laptop yet. */
export async function joined(
  t: Test,
  wish: Pick<Vendor, 'provider' | 'serving'> & { base: string; member: string; called: string },
): Promise<Vendor> {
  const { base, provider, serving, member, called } = wish;
  const own = await laptop(t);
  const done = (...args: string[]): string => {
    const { status, stdout, stderr } = own.webizen(...args);
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const operator = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await askCommand('webizen-provider', [...args, '--dir', provider.directory]);
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  done('member', 'request', '--name', called, '--class', 'var', '--out', own.member);
  const vetted = ['--charter', '1', '--vetted', 'papers and code', '--by', 'the operator'];
  await operator('member', 'admit', own.at('member', 'request.jws'), '--id', member, '--level', '1', ...vetted);
  await operator('member', 'credential', member, '--out', own.at('credential.jwt'));
  const there = ['--catalogue', provider.est, '--ca', path.join(provider.directory, 'ca/root.crt')];
  done('member', 'accept', own.at('credential.jwt'), ...there);

  async function sign(
    folder: string,
    version: string,
    change = (manifest: Manifest): Manifest => manifest,
    ...more: string[]
  ): Promise<string> {
    const file = own.at(folder, 'webizen.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as Manifest;
    await writeFile(file, JSON.stringify(change({ ...manifest, version })));
    done('app', 'build', folder, '--base', base);
    const archive = own.at(`${folder}-${version}.wza`);
    done('app', 'sign', folder, '--out', archive, ...more);
    return archive;
  }

  return {
    ...{ provider, serving, own, done, operator, sign },
    async publish(folder, version, change) {
      await sign(folder, version, change);
      done('app', 'publish', folder);
      const { releases } = JSON.parse(done('app', 'status', folder, '--json')) as {
        releases: { id: string; version: string }[];
      };
      return releases.find((one) => one.version === version)?.id ?? '';
    },
  };
}

export async function openWay(
  t: Test,
  wish: {
    base: string;
    host?: Host;
    others?: readonly DirectoryTerritory[];
    /** When it runs in this process, and not as the command. */
    provider?: ProviderWish;
    leafLifetime?: string;
  },
): Promise<Way> {
  const { base, provider, leafLifetime } = wish;
  const vendor = await openVendor(t, {
    ...{ base, territory: 'home', name: 'Home', member: 'acme' },
    ...(provider && { provider }),
    ...(leafLifetime && { leafLifetime }),
  });
  const podman = await testPodman(t);
  const port = await freePortBase();
  const box = await testBox(t, {
    territories: [vendor.provider.listing, ...(wish.others ?? [])],
    more: { runtime: { podman: podman.socketPath }, owner: { host: '127.0.0.1', port, mdns: false } },
  });
  await box.start(wish.host);
  const { owner, membership } = box.agent!.rooms();
  const { signer } = await owner.set({ passphrase });
  const { code } = await vendor.provider.claim();
  await membership.elect({ territory: 'home', ownJurisdiction: 'AU-NSW', claimCode: code }, signer);
  await box.until(({ link }) => link.online);
  return { ...vendor, podman, box, signer };
}

export const desk = ({ box }: Way) => box.agent!.rooms().installed!.installer.desk;

export async function appIs(
  way: Way,
  id: string,
  holds: (app: InstalledApp | undefined) => boolean,
): Promise<InstalledApp | undefined> {
  for (;;) {
    const now = desk(way).show(id);
    if (holds(now)) return now;
    await systemClock.sleep(50); // a look, not an event
  }
}

export const isWell = (now: InstalledApp | undefined): boolean =>
  now?.state === 'running' && now.health === null && now.change === null;

export const ended = ({ box }: Way, change: string): Promise<Change> => box.agent!.rooms().changes.ended(change);

/** The owner's yes; answers the change when it has ended. */
export async function say(way: Way, release: string, capabilities: readonly Capability[]): Promise<Change> {
  const grants = capabilities.map((capability) => ({ capability }));
  return ended(way, await desk(way).decide({ release, grants, termsAccepted: true }, way.signer));
}
