/**
 * NetworkManager by its command line. A password is never among the arguments, which every process may read: it stands in
 * the profile's file.
 */
import { execFile } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { Refusal } from '#contract/problems.js';
import type { NetworkHost, NetworkLink, SeenWifi, WifiProtection } from './network.js';

/** The fields of a line of `nmcli --terse`: `:` stands between them, and `\` before a `:` or `\` that is meant. */
export function terseFields(line: string): string[] {
  const fields: string[] = [];
  let field = '';
  for (let at = 0; at < line.length; at += 1) {
    const sign = line.charAt(at);
    if (sign === ':') {
      fields.push(field);
      field = '';
    } else if (sign === '\\' && at + 1 < line.length) {
      at += 1;
      field += line.charAt(at);
    } else field += sign;
  }
  return [...fields, field];
}

/** `WPA1 WPA2`, `WPA3`, `WPA2 802.1X`, `OWE`, `WEP`, or nothing. */
export function protectionOf(security: string): WifiProtection | undefined {
  const words = new Set(security.split(' ').filter((word) => word !== '' && word !== '--'));
  if (words.has('802.1X') || words.has('WEP')) return undefined;
  if (words.has('WPA1') || words.has('WPA2')) return 'wpa-psk';
  if (words.has('WPA3')) return 'sae';
  if (words.has('OWE')) return 'owe';
  return words.size === 0 || words.has('OWE-TM') ? 'open' : undefined;
}

const mostSeen = 100;

/**
 * `nmcli -t -f SSID-HEX,CHAN,SIGNAL,SECURITY device wifi list`: stations of one network become one, the strongest first.
 * What has no name, or cannot be read, is left out.
 */
export function seenNetworks(output: string): SeenWifi[] {
  const found = new Map<string, SeenWifi>();
  for (const line of output.split('\n')) {
    const [hex = '', chan = '', percent = '', security = ''] = terseFields(line);
    const ssid = hex.toLowerCase();
    const [channel, signal] = [Number(chan), Number(percent)];
    if (!/^([0-9a-f]{2}){1,32}$/.test(ssid) || /^(00)+$/.test(ssid)) continue;
    if (!Number.isInteger(channel) || !Number.isInteger(signal) || signal < 0 || signal > 100) continue;
    const one = { ssid, channel, signal, protection: protectionOf(security) };
    const known = found.get(ssid);
    if (!known || known.signal < signal) found.set(ssid, one);
  }
  return [...found.values()].sort((a, b) => b.signal - a.signal).slice(0, mostSeen);
}

/** Why a profile did not come up, by what nmcli says in the C locale. */
export function whyNot(said: string): Refusal {
  const detail = said
    .split('\n')
    .find((line) => line.startsWith('Error: '))
    ?.slice(0, 300);
  if (/secrets were required|supplicant/i.test(said)) return new Refusal('wifi-password-wrong', detail);
  if (/could not be found|no network with SSID/i.test(said)) return new Refusal('wifi-not-found', detail);
  if (/IP configuration|DHCP/i.test(said)) return new Refusal('wifi-no-address', detail);
  return new Refusal('wifi-not-joined', detail);
}

const joinSeconds = 60;
/** nmcli(1), EXIT STATUS. */
const [notRunning, noSuchThing] = [8, 10];

interface Ran {
  code: number | string;
  output: string;
  errors: string;
}

export function createNmcli({
  kernel,
  list: listOf,
  program = 'nmcli',
  env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
}: {
  kernel(file: string): Promise<string | undefined>;
  list(directory: string): Promise<string[]>;
  program?: string;
  env?: Record<string, string>;
}): NetworkHost {
  function run(args: readonly string[], signal?: AbortSignal): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const options = { env, timeout: (joinSeconds + 15) * 1000, maxBuffer: 1024 * 1024, signal };
      execFile(program, args, options, (error, output, errors) => {
        if (error?.code === 'ENOENT') return reject(new Refusal('network-unavailable', 'nmcli is not installed'));
        if (signal?.aborted) return reject(signal.reason);
        const code = error ? (error.code ?? 'killed') : 0;
        if (code === notRunning) return reject(new Refusal('network-unavailable', errors.trim().slice(0, 300)));
        resolve({ code, output, errors });
      });
    });
  }

  async function kindOf(name: string): Promise<NetworkLink['kind'] | undefined> {
    const home = `/sys/class/net/${name}`;
    if ((await kernel(`${home}/device/uevent`)) === undefined) return undefined; // made by software
    const inside = await listOf(home);
    return inside.includes('phy80211') || inside.includes('wireless') ? 'wifi' : 'wired';
  }

  return {
    async links() {
      const addresses = networkInterfaces();
      const found: NetworkLink[] = [];
      for (const name of await listOf('/sys/class/net')) {
        const kind = await kindOf(name);
        const own = (addresses[name] ?? []).map(({ address }) => address);
        if (kind) found.push({ name, kind, addresses: own.filter((one) => !/^(169\.254\.|fe[89ab].:)/i.test(one)) });
      }
      return found;
    },
    async look(link, signal) {
      const list = ['-t', '-f', 'SSID-HEX,CHAN,SIGNAL,SECURITY', 'device', 'wifi', 'list', 'ifname', link];
      const ran = await run([...list, '--rescan', 'yes'], signal);
      // Asked too soon, or while it is an access point, a device does not look anew.
      const { code, output, errors } = ran.code === 0 ? ran : await run([...list, '--rescan', 'no'], signal);
      if (code === noSuchThing) throw new Refusal('wifi-missing', errors.trim().slice(0, 300));
      if (code !== 0) throw new Refusal('network-unavailable', errors.trim().slice(0, 300));
      return seenNetworks(output);
    },
    async load() {
      const { code, errors } = await run(['connection', 'reload']);
      if (code !== 0) throw new Refusal('network-unavailable', errors.trim().slice(0, 300));
    },
    async up(profile, link, signal) {
      const wish = ['--wait', String(joinSeconds), 'connection', 'up', 'uuid', profile, 'ifname', link];
      const { code, output, errors } = await run(wish, signal);
      if (code !== 0) throw whyNot(`${output}\n${errors}`);
    },
    async down(profile) {
      await run(['connection', 'down', 'uuid', profile]);
    },
  };
}
