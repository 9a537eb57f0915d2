/**
 * The box's network, where it has Wi-Fi: it opens one of its own when there is none, tries what its owner chooses, and
 * goes back to what worked where that does not.
 *
 * Confirm or revert: what is tried stands in a file that is not joined by itself. It becomes the known network once it has
 * given an address; until then a cut leads back. The box confirms by itself, because whoever chose it sits at a phone
 * that loses the box's own network the moment the box leaves it.
 */
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { type NetworkView, type NewWifi, WifiOutcome } from '#contract/network.js';
import { parseJson } from '#contract/parse.js';
import { isProblemCode, problem, Refusal } from '#contract/problems.js';
import { accessPointName, ssidName, ssidOf } from '#contract/ssid.js';
import type { NetworkHost, NetworkLink, SeenWifi } from '../host/network.js';
import { decide, firstStanding, quietChannel, type Standing } from './decide.js';
import type { Station } from './keyfile.js';
import type { Profiles } from './profiles.js';
import { stationOf } from './wish.js';

export interface NetworkRoom {
  /** What was left by a cut is put right; then it looks after the network until `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  view(): NetworkView;
  /** The address of the box in its own network, while that is on the air. */
  ownAddress(): string | undefined;
  /** Somebody in the box's own network asked for a page. */
  greet(): void;
  /** Looks which networks there are. @throws Refusal `wifi-missing`, `network-unavailable` */
  look(): Promise<void>;
  /**
   * Answers before the network is tried: whoever asked may lose the box by it.
   * @throws Refusal `wifi-missing`, `wifi-busy`, and those of `stationOf`
   */
  choose(wish: NewWifi): Promise<void>;
  /** @throws Refusal `wifi-unknown`, `wifi-busy`, `network-unavailable` */
  forget(): Promise<void>;
  onChange(listener: () => void): () => void;
}

/** 192.168.x and 10.0.x are what routers give: this is neither. */
export const ownNetwork = { address: '10.42.0.1', prefix: 24 } as const;
/** The same on all boxes: one left on the air by an agent that was killed is found by it. */
const ownProfile = '5b0f4a52-6f0a-4d5c-9d47-6a2f0e8c7b11';
/** Worth a second try: a device that was an access point a moment ago hears little at first. */
const mayPass = new Set(['wifi-not-found', 'wifi-not-joined']);
const lookMilliseconds = 5000;
/** The answer is to reach the phone, and the page to be read, before its network goes. */
const graceMilliseconds = 2000;

/** The box's own network is wanted, and is not there. */
const overdue: Standing = { ...firstStanding, offlineSince: Number.NEGATIVE_INFINITY };

export interface NetworkParts {
  host: NetworkHost;
  profiles: Profiles;
  files: Files;
  /** Of the room, in the data directory. */
  home: string;
  /** Never jumps. */
  ticks: Clock;
  boxName: string;
  /** Of the box's own network; undefined where nobody could know it. */
  password: () => string | undefined;
  isOwned: () => boolean;
  onRefused(refusal: Refusal): void;
}

export function createNetwork(parts: NetworkParts): NetworkRoom {
  const { host, profiles, files, ticks, onRefused } = parts;
  const ownName = accessPointName(parts.boxName);
  const ownSsid = ssidOf(ownName) ?? '';
  const outcomeFile = path.join(parts.home, 'outcome.json');
  const ending = new AbortController();
  const listeners = new Set<() => void>();
  let links: NetworkLink[] = [];
  let seen: SeenWifi[] = [];
  let standing = firstStanding;
  let guestAt: number | undefined;
  let trying: Station | undefined;
  let last: WifiOutcome | undefined;
  let turns: Promise<unknown> = Promise.resolve();
  let keeping: Promise<void> | undefined;

  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const wifi = (): NetworkLink | undefined => links.find(({ kind }) => kind === 'wifi');
  const isWired = (): boolean => links.some(({ kind, addresses }) => kind === 'wired' && addresses.length > 0);
  const isOpen = (): boolean => standing.openSince !== undefined;
  const isJoined = (): boolean =>
    links.some(({ kind, addresses }) => kind === 'wifi' && addresses.some((one) => one !== ownNetwork.address));

  /** One after the other: a device does one thing at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = turns.then(work);
    turns = turn.catch(() => {});
    return turn;
  }
  const refusalOf = (error: unknown): Refusal =>
    error instanceof Refusal ? error : new Refusal('wifi-not-joined', undefined, { cause: error });
  const tellRefusal = (error: unknown): void => onRefused(refusalOf(error));
  async function lookAtLinks(): Promise<void> {
    links = await host.links();
  }

  async function lookAround(link: NetworkLink): Promise<void> {
    const found = (await host.look(link.name, ending.signal)).filter(({ ssid }) => ssid !== ownSsid);
    // Many a device hears little while it is an access point: what was heard before stays.
    const heard = new Set(found.map(({ ssid }) => ssid));
    seen = isOpen() ? [...found, ...seen.filter(({ ssid }) => !heard.has(ssid))].slice(0, 100) : found;
  }

  async function open(link: NetworkLink, password: string): Promise<void> {
    try {
      await lookAround(link).catch(() => {});
      ending.signal.throwIfAborted();
      await profiles.open({
        ...{ uuid: ownProfile, ssid: ownSsid, password, channel: quietChannel(seen) },
        address: `${ownNetwork.address}/${ownNetwork.prefix}`,
      });
      await host.load();
      await host.up(ownProfile, link.name, ending.signal);
      standing = { ...firstStanding, openSince: ticks.now() };
    } catch (error) {
      if (ending.signal.aborted) return; // what is left is put right at the next start
      await close().catch(() => {});
      standing = { ...overdue, failedAt: ticks.now() };
      onRefused(refusalOf(error));
    }
    guestAt = undefined;
    tell();
  }

  async function close(): Promise<void> {
    standing = firstStanding;
    await host.down(ownProfile);
    await profiles.close();
    await host.load();
    tell();
  }

  /** @throws Refusal */
  async function join(station: Station, link: NetworkLink): Promise<void> {
    await host.up(station.uuid, link.name, ending.signal);
    await lookAtLinks();
    if (!isJoined()) throw new Refusal('wifi-no-address');
    standing = firstStanding;
  }

  /** What was known comes back, or else the box's own network: nobody is left without a way in. */
  async function fallBack(link: NetworkLink): Promise<void> {
    const known = profiles.known();
    const wasOpen = isOpen();
    if (
      known &&
      !wasOpen &&
      (await join(known, link).then(
        () => true,
        () => false,
      ))
    )
      return;
    await lookAtLinks();
    const password = parts.password();
    if (password !== undefined && (wasOpen || !(isWired() || isJoined()))) await open(link, password);
  }

  async function keepOutcome(outcome: WifiOutcome): Promise<void> {
    last = outcome;
    await files.write(outcomeFile, JSON.stringify(outcome));
  }

  async function attempt(station: Station, link: NetworkLink): Promise<void> {
    try {
      await files.remove(outcomeFile);
      await profiles.try(station);
      await host.load();
      await join(station, link).catch((error: unknown) => {
        if (ending.signal.aborted || !mayPass.has(refusalOf(error).code)) throw error;
        return join(station, link);
      });
      await profiles.confirm(station);
      await keepOutcome({ ssid: station.ssid, code: null });
      await host.load();
    } catch (error) {
      if (ending.signal.aborted) return; // what is left is put right at the next start
      const refusal = refusalOf(error);
      onRefused(refusal);
      if (profiles.known()?.uuid === station.uuid) return; // it works, and was kept
      await keepOutcome({ ssid: station.ssid, code: refusal.code }).catch(tellRefusal); // the way back goes before it
      await profiles.revert();
      await host.load();
      await fallBack(link);
    }
  }

  async function act(): Promise<void> {
    const before = JSON.stringify([isWired(), isJoined(), isOpen()]);
    await lookAtLinks();
    const link = wifi();
    const password = parts.password();
    const known = profiles.known();
    if (isOpen() && !link?.addresses.includes(ownNetwork.address)) standing = overdue; // it fell over
    const decided = decide(standing, {
      ...{ now: ticks.now(), wired: isWired(), wifi: isJoined(), owned: parts.isOwned(), guestAt },
      mayOpen: link !== undefined && password !== undefined,
      isKnown: known !== undefined,
    });
    standing = decided.standing;
    if (decided.act === 'close') await close();
    else if (link && password !== undefined && decided.act === 'open') await open(link, password);
    else if (link && password !== undefined && decided.act === 'look-for-known' && known)
      await join(known, link).then(
        () => close(),
        () => open(link, password),
      );
    if (JSON.stringify([isWired(), isJoined(), isOpen()]) !== before) tell();
  }

  async function keep(): Promise<void> {
    while (!ending.signal.aborted) {
      await inTurn(act).catch(tellRefusal);
      await ticks.sleep(lookMilliseconds, ending.signal);
    }
  }

  function told(code: string) {
    const known = isProblemCode(code) ? code : 'wifi-not-joined'; // another release's
    const { title, remedy } = problem(known);
    return { code: known, title, remedy };
  }
  const named = (ssid: string) => ({ ssid, name: ssidName(ssid) });

  return {
    async start() {
      const kept = parseJson(WifiOutcome, (await files.read(outcomeFile)) ?? '');
      last = kept.ok ? kept.value : undefined;
      const tried = await profiles.clean();
      const isKept = tried?.uuid === profiles.known()?.uuid; // it worked, and the cut came behind that
      if (tried && !last) await keepOutcome({ ssid: tried.ssid, code: isKept ? null : 'wifi-interrupted' });
      await host.down(ownProfile).catch(() => {});
      await host.load().catch(tellRefusal);
      keeping = keep();
    },
    async stop() {
      ending.abort();
      await keeping;
      await turns;
    },
    view() {
      const link = wifi();
      const known = profiles.known();
      return {
        wired: isWired(),
        wifi: link
          ? {
              known: known ? named(known.ssid) : null,
              isJoined: isJoined(),
              trying: trying ? named(trying.ssid) : null,
              accessPoint: isOpen() ? { name: ownName } : null,
              last: last ? { ...named(last.ssid), problem: last.code === null ? null : told(last.code) } : null,
              seen: seen.map(({ ssid, signal, protection }) => ({
                ...named(ssid),
                signal,
                security: protection === undefined ? 'unsupported' : secretless.has(protection) ? 'open' : 'password',
              })),
            }
          : null,
      };
    },
    ownAddress: () => (isOpen() ? ownNetwork.address : undefined),
    greet() {
      guestAt = ticks.now();
    },
    look: () =>
      inTurn(async () => {
        const link = wifi();
        if (!link) throw new Refusal('wifi-missing');
        await lookAround(link);
        tell();
      }),
    async choose(wish) {
      const link = wifi();
      if (!link) throw new Refusal('wifi-missing');
      if (trying) throw new Refusal('wifi-busy');
      const station = stationOf(wish, seen);
      trying = station;
      last = undefined;
      tell();
      void inTurn(async () => {
        await ticks.sleep(graceMilliseconds, ending.signal);
        if (!ending.signal.aborted) await attempt(station, link);
      })
        .catch(tellRefusal)
        .finally(() => {
          trying = undefined;
          tell();
        });
    },
    forget() {
      if (trying) return Promise.reject(new Refusal('wifi-busy'));
      return inTurn(async () => {
        const known = profiles.known();
        if (!known) throw new Refusal('wifi-unknown');
        await host.down(known.uuid);
        await profiles.forget();
        await files.remove(outcomeFile);
        last = undefined;
        await host.load();
        await lookAtLinks();
        tell();
      });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const secretless = new Set(['open', 'owe']);
