/**
 * The box's names on the local network (RFC 6762): `webizen-7k3f.local` always, and `webizen.local` for as long as it has
 * no owner and no other box goes by it. A name is asked for before it is used, defended while it is, and given back.
 */
import { networkInterfaces } from 'node:os';
import type { Answer } from 'dns-packet';
import multicastDns, { type MulticastDNS, type QueryPacket, type ResponsePacket } from 'multicast-dns';
import type { Clock } from '#common/clock.js';
import { addressesIn, addressesOf, givesWay, recordsOf, sameName } from './mdns-records.js';

/** One network that the box is on: the IPv4 address that joins it, and all addresses to be found at there. */
export interface NetworkLink {
  join: string;
  addresses: string[];
}

export interface LocalNames {
  start(): void;
  stop(): Promise<void>;
  /** In use now. */
  names(): string[];
  /** Whether there is an owner may have changed. */
  refresh(): void;
  onChange(listener: () => void): () => void;
}

export const mdnsPort = 5353;
export const lentName = 'webizen.local';
const probes = 3;
const probeMilliseconds = 250;
const deferMilliseconds = 1000;
const announceMilliseconds = 1000;
/** Networks come and go without telling. */
const lookMilliseconds = 10_000;
const askAgainMilliseconds = 60_000;
const mostSuffix = 9;

/** A container's bridge is not a network that the owner's phone is on. */
const inner = /^(lo|veth|podman|docker|cni|br-|virbr|tun|tap|wg)/;

export function linksOfMachine(): NetworkLink[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) => {
    if (inner.test(name)) return [];
    const usable = (list ?? []).filter(({ internal, scopeid, family }) => !internal && (family === 'IPv4' || !scopeid));
    const join = usable.find(({ family }) => family === 'IPv4')?.address;
    return join === undefined ? [] : [{ join, addresses: usable.map(({ address }) => address.toLowerCase()) }];
  });
}

interface Probe {
  name: string;
  verdict: 'free' | 'taken' | 'defer';
}

export function createLocalNames({
  label,
  isOwned,
  links,
  port,
  clock,
  random,
  onProblem,
}: {
  /** `webizen-7k3f`. */
  label: string;
  isOwned: () => boolean;
  links: () => NetworkLink[];
  port: number;
  clock: Clock;
  random: () => number;
  onProblem: (error: Error) => void;
}): LocalNames {
  const stopping = new AbortController();
  const { signal } = stopping;
  const sockets = new Map<string, { mdns: MulticastDNS; addresses: string[] }>();
  const held = new Set<string>();
  const listeners = new Set<() => void>();
  let probing: Probe | undefined;
  let waking = new AbortController();
  let running: Promise<void> | undefined;
  let lentAskedAt = Number.NEGATIVE_INFINITY;

  const ours = (): string[] => [...sockets.values()].flatMap(({ addresses }) => addresses);
  const tell = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const wake = (): void => waking.abort();

  /** The same name with an address that is not ours: another host holds it, or wants it. */
  function heard(packet: ResponsePacket): void {
    const records = [...packet.answers, ...packet.additionals];
    for (const name of [...held, ...(probing ? [probing.name] : [])]) {
      const found = addressesIn(records, name);
      const foreign = found.filter(({ address }) => !ours().includes(address));
      if (foreign.every(({ ttl }) => ttl === 0)) continue;
      if (probing && sameName(probing.name, name)) probing.verdict = 'taken';
      if (held.delete(name)) {
        tell();
        wake(); // RFC 6762 section 9: back to asking
      }
    }
    const given = addressesIn(records, lentName);
    if (given.length > 0 && given.every(({ ttl }) => ttl === 0)) {
      lentAskedAt = Number.NEGATIVE_INFINITY; // its holder gives it back
      wake();
    }
  }

  function asked(
    mdns: MulticastDNS,
    addresses: readonly string[],
    packet: QueryPacket,
    from: { port: number; address: string },
  ): void {
    const authorities: Answer[] = packet.authorities ?? [];
    if (probing) {
      const theirs = addressesIn(authorities, probing.name).map(({ address }) => address);
      const isOther = theirs.some((address) => !ours().includes(address));
      if (isOther && givesWay(addresses, theirs)) probing.verdict = 'defer';
    }
    const names = [...held].filter((name) =>
      packet.questions.some(
        (question) => sameName(question.name, name) && ['A', 'AAAA', 'ANY'].includes(question.type),
      ),
    );
    if (names.length === 0) return;
    if (from.port === port) {
      mdns.respond({ answers: names.flatMap((name) => recordsOf(name, addresses)) });
      return;
    }
    // Somebody who knows only plain DNS: its id and question come back, to its own port (RFC 6762 section 6.7).
    const answers = names.flatMap((name) => addressesOf(name, addresses, { ttl: 10, flush: false }));
    const reply = { id: packet.id ?? 0, questions: packet.questions, answers };
    mdns.respond(reply, from);
  }

  /** Answers whether the box's addresses are others than before. */
  function look(): boolean {
    const now = links();
    let isNew = false;
    for (const [join, { mdns }] of sockets)
      if (!now.some((link) => link.join === join)) {
        sockets.delete(join);
        mdns.destroy();
        isNew = true;
      }
    for (const { join, addresses } of now) {
      const known = sockets.get(join);
      if (known) {
        isNew ||= known.addresses.join() !== addresses.join();
        known.addresses = addresses;
        continue;
      }
      const mdns = multicastDns({ interface: join, bind: '0.0.0.0', port, loopback: true });
      const socket = { mdns, addresses };
      mdns.on('response', heard);
      mdns.on('query', (packet, from) => asked(mdns, socket.addresses, packet, from));
      mdns.on('error', onProblem);
      mdns.on('warning', () => {}); // what others send is not ours to judge
      sockets.set(join, socket);
      isNew = true;
    }
    return isNew;
  }

  const announce = (names: Iterable<string>, ttl?: number): Promise<unknown> =>
    Promise.all(
      [...sockets.values()].map(
        ({ mdns, addresses }) =>
          new Promise((sent) => {
            const answers = [...names].flatMap((name) => recordsOf(name, addresses, ttl));
            if (answers.length === 0) sent(undefined);
            else mdns.respond({ answers }, sent);
          }),
      ),
    );

  /** RFC 6762 section 8.1: three questions a quarter of a second apart, and silence. */
  async function isFree(name: string): Promise<boolean> {
    for (;;) {
      const probe: Probe = { name, verdict: 'free' };
      probing = probe;
      await clock.sleep(random() * probeMilliseconds, signal);
      for (let sent = 0; sent < probes && probe.verdict === 'free' && !signal.aborted; sent += 1) {
        for (const { mdns, addresses } of sockets.values()) {
          const authorities = addressesOf(name, addresses, { ttl: 120, flush: false });
          mdns.query({
            questions: [
              { name, type: 'A' },
              { name, type: 'AAAA' },
            ],
            authorities,
          });
        }
        await clock.sleep(probeMilliseconds, signal);
      }
      probing = undefined;
      if (signal.aborted) return false;
      if (probe.verdict !== 'defer') return probe.verdict === 'free';
      await clock.sleep(deferMilliseconds, signal);
    }
  }

  async function take(name: string): Promise<boolean> {
    if (!(await isFree(name))) return false;
    held.add(name);
    tell();
    await announce([name]);
    await clock.sleep(announceMilliseconds, signal); // section 8.3: twice, a second apart
    if (held.has(name)) await announce([name]);
    return true;
  }

  async function takeLasting(): Promise<void> {
    if ([...held].some((name) => name !== lentName)) return;
    for (let suffix = 1; suffix <= mostSuffix && !signal.aborted; suffix += 1)
      if (await take(suffix === 1 ? `${label}.local` : `${label}-${suffix}.local`)) return;
  }

  async function lend(): Promise<void> {
    if (isOwned()) {
      if (!held.delete(lentName)) return;
      tell();
      await announce([lentName], 0);
      return;
    }
    if (held.has(lentName) || clock.now() < lentAskedAt + askAgainMilliseconds) return;
    lentAskedAt = clock.now();
    await take(lentName);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      waking = new AbortController();
      const isNew = look();
      if (sockets.size > 0) {
        if (isNew && held.size > 0) await announce(held);
        await takeLasting();
        await lend();
      }
      if (signal.aborted) return;
      await clock.sleep(lookMilliseconds, AbortSignal.any([signal, waking.signal]));
    }
  }

  return {
    start() {
      running = run().catch((error: unknown) => onProblem(error instanceof Error ? error : new Error(String(error))));
    },
    async stop() {
      if (signal.aborted) return;
      stopping.abort();
      await running;
      await announce(held, 0); // section 10.1: goodbye
      held.clear();
      await Promise.all(
        [...sockets.values()].map(({ mdns }) => new Promise<void>((gone) => mdns.destroy(() => gone()))),
      );
      sockets.clear();
    },
    names: () => [...held],
    refresh: wake,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
