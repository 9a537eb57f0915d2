/**
 * A machine's network as NetworkManager would look after it: a cable, a Wi-Fi device, stations on the air. It knows no more of
 * profiles than their files say. What is up outlives the agent; a restart of the machine begins with what is joined by itself.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';
import type { NetworkHost, SeenWifi } from '../../agent/host/network.js';
import { readStation } from '../../agent/network/keyfile.js';

export interface Station {
  ssid: string;
  password: string | undefined;
  /** False: who joins gets no address. */
  gives: boolean;
  hidden?: boolean;
}

interface State {
  wired: boolean;
  hasWifi: boolean;
  /** UUID of what is up on the Wi-Fi device. */
  up: string | null;
  stations: Station[];
}

export const hexOf = (text: string): string => Buffer.from(text).toString('hex');

export function openAir(folder: string) {
  const [file, directory] = [path.join(folder, 'air.json'), path.join(folder, 'profiles')];
  mkdirSync(directory, { recursive: true });
  const first: State = { wired: false, hasWifi: true, up: null, stations: [] };
  const read = (): State => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : first);
  const change = (part: Partial<State>): void => writeFileSync(file, JSON.stringify({ ...read(), ...part }));
  /** The profiles' files as text. */
  const profiles = (): string[] =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.nmconnection'))
      .map((name) => readFileSync(path.join(directory, name), 'latin1'));
  const uuidOf = (text: string): string => /^uuid=(.*)$/m.exec(text)?.[1] ?? '';
  const find = (uuid: string | null): string | undefined => profiles().find((text) => uuidOf(text) === uuid);
  const isOwn = (text: string): boolean => /^mode=ap$/m.test(text);
  /** @throws Refusal as NetworkManager's word is told */
  function join(text: string): void {
    const profile = readStation(text);
    const station = read().stations.find(({ ssid, hidden }) => ssid === profile?.ssid && (!hidden || profile.hidden));
    if (!profile || !station) throw new Refusal('wifi-not-found');
    if (station.password !== profile.secret) throw new Refusal('wifi-password-wrong');
    if (!station.gives) throw new Refusal('wifi-no-address');
  }
  const done: string[] = [];
  const faults = { isDeaf: false, mayOpen: true };

  const host: NetworkHost = {
    async links() {
      const { wired, hasWifi, up } = read();
      const text = find(up);
      const address = text === undefined ? [] : [isOwn(text) ? '10.42.0.1' : '192.168.1.23'];
      return [
        { name: 'eth0', kind: 'wired' as const, addresses: wired ? ['192.168.1.20'] : [] },
        ...(hasWifi ? [{ name: 'wlan0', kind: 'wifi' as const, addresses: address }] : []),
      ];
    },
    async look() {
      done.push('look');
      if (faults.isDeaf) throw new Refusal('network-unavailable');
      return read()
        .stations.filter(({ hidden }) => !hidden)
        .map(({ ssid, password }, index): SeenWifi => {
          const protection = password === undefined ? 'open' : 'wpa-psk';
          return { ssid, signal: 90 - index, channel: 1, protection };
        });
    },
    async load() {
      done.push('load');
      if (find(read().up) === undefined) change({ up: null });
    },
    async up(profile) {
      done.push('up');
      const text = find(profile);
      change({ up: null }); // the device leaves what it was in
      if (text === undefined) throw new Refusal('wifi-not-joined', 'no such profile');
      if (!isOwn(text)) join(text);
      else if (!faults.mayOpen) throw new Refusal('wifi-not-joined');
      change({ up: profile });
    },
    async down(profile) {
      if (read().up === profile) change({ up: null });
    },
  };

  return {
    host,
    directory,
    faults,
    profiles,
    /** What was asked of the host, in order. */
    done,
    set: change,
    /** What is up: the SSID in hex, or the box's own network. */
    isUp(): string | undefined {
      const text = find(read().up);
      return text === undefined ? undefined : isOwn(text) ? 'own' : readStation(text)?.ssid;
    },
    /** The machine starts anew: what is joined by itself is, where it lets itself be joined. */
    restart(): void {
      change({ up: null });
      for (const text of profiles())
        if (/^autoconnect=true$/m.test(text))
          try {
            join(text);
            change({ up: uuidOf(text) });
          } catch {} // it stays away
    },
  };
}
export type Air = ReturnType<typeof openAir>;
