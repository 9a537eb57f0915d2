/** The box's network, wired: only where the machine has NetworkManager, and the configuration says where its profiles lie. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';
import { ssidName } from '#contract/ssid.js';
import type { Owner } from './consent/owner-key.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Factory } from './factory/factory.js';
import type { Ground } from './ground.js';
import { createNetwork, type NetworkRoom } from './network/network.js';
import { openProfiles, type Profiles } from './network/profiles.js';
import { stationOfBoot } from './network/wish.js';
import type { OwnerNetwork } from './owner/features.js';

export interface Network {
  readonly room: NetworkRoom;
  readonly owner: OwnerNetwork;
}

/** In the runtime directory, told to the machine: the two letters of the country, whose rules of radio then hold. */
export const countryFile = 'country';

interface Wish {
  factory: Factory;
  owner: Owner;
  membership: MembershipRoom;
}

/**
 * What the person who prepared the card wrote is the known network from here on, once: a file that could not be cleared does
 * not bring it back after the owner has chosen another.
 */
async function takeBootWifi(
  { host: { files }, onRefused }: Ground,
  { factory, profiles, home }: { factory: Factory; profiles: Profiles; home: string },
): Promise<void> {
  const { wifi } = factory.boot();
  if (!wifi) return;
  const taken = path.join(home, 'taken');
  const digest = createHash('sha256').update(JSON.stringify(wifi)).digest('hex');
  if ((await files.read(taken))?.toString('latin1') !== digest) {
    const station = stationOfBoot(wifi);
    if (station) await profiles.confirm(station);
    if (wifi.country !== undefined) await files.write(path.join(home, 'country'), wifi.country);
    await files.write(taken, digest);
  }
  await factory.forgetBootWifi().catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
  });
}

/** Undefined where somebody else looks after the network. */
export async function openNetwork(ground: Ground, { factory, owner, membership }: Wish): Promise<Network | undefined> {
  const { config, host, ledger, onRefused } = ground;
  const { files } = host;
  if (!config.network || !host.network) return undefined;
  const home = path.join(config.dataDir, 'network');
  const profiles = await openProfiles({ files, directory: config.network.profiles, home });
  await takeBootWifi(ground, { factory, profiles, home }).catch((error: unknown) =>
    onRefused(new Refusal('network-unavailable', 'what webizen.json says of Wi-Fi cannot be kept', { cause: error })),
  );

  let told: string | undefined;
  async function tellCountry(): Promise<void> {
    const prepared = (await files.read(path.join(home, 'country')))?.toString('latin1');
    const country = (prepared ?? membership.view().current.territory?.jurisdiction)?.slice(0, 2);
    if (country === undefined || country === told || !/^[A-Z]{2}$/.test(country)) return;
    await files.write(path.join(config.runtimeDir, countryFile), `${country}\n`);
    told = country;
  }
  const room = createNetwork({
    ...{ host: host.network, profiles, files, home, onRefused },
    ticks: { now: host.monotonic, sleep: host.clock.sleep },
    boxName: factory.name(),
    password: factory.wifiPassword,
    isOwned: owner.isSet,
  });
  let heeded: Promise<void> = Promise.resolve();
  /** One after the other: they write one file. */
  const heed = (): Promise<void> => {
    heeded = heeded
      .then(tellCountry)
      .catch((error: unknown) => ground.log.warn({ err: error }, 'cannot tell the country'));
    return heeded;
  };
  let unheed = (): void => {};

  return {
    room: {
      ...room,
      async start() {
        await heed();
        unheed = membership.onChange(() => void heed());
        // A box goes on without it: a cable is always a way.
        await room
          .start()
          .catch((error: unknown) => onRefused(new Refusal('network-unavailable', undefined, { cause: error })));
      },
      async stop() {
        unheed();
        await room.stop();
      },
    },
    owner: {
      view: room.view,
      look: room.look,
      ownAddress: room.ownAddress,
      greet: room.greet,
      onChange: room.onChange,
      async choose(wish, signer) {
        await room.choose(wish);
        const by = signer ? ('owner' as const) : ('stranger' as const);
        await ledger.append({ by, type: 'wifi-chosen', facts: { network: ssidName(wish.ssid) } }, signer);
      },
      async forget(signer) {
        const name = room.view().wifi?.known?.name;
        await room.forget();
        if (name !== undefined)
          await ledger.append({ by: 'owner', type: 'wifi-forgotten', facts: { network: name } }, signer);
      },
    },
  };
}
