/**
 * NetworkManager's profiles as files (nm-settings-keyfile(5)): GLib's key files, in which an SSID is a list of bytes, so
 * that it can be anything. One module builds and reads them.
 */
import type { WifiProtection } from '../host/network.js';

export interface Station {
  uuid: string;
  /** Hex of its bytes. */
  ssid: string;
  protection: WifiProtection;
  /** A passphrase, or 64 figures of hex; undefined where none is wanted. */
  secret: string | undefined;
  /** It does not tell its name. */
  hidden: boolean;
  /** Joined without being asked, also after a restart of the machine. */
  isConfirmed: boolean;
}

export interface AccessPoint {
  uuid: string;
  ssid: string;
  password: string;
  channel: number;
  /** Its own, with the length of its network's prefix. */
  address: string;
}

const bytesOf = (ssid: string): string =>
  (ssid.match(/../g) ?? []).map((pair) => `${Number.parseInt(pair, 16)};`).join('');

/** GLib reads `\\` and `\s`; a blank at the beginning would be lost. */
const escaped = (text: string): string =>
  text.replace(/\\/g, '\\\\').replace(/^ +/, (blanks) => '\\s'.repeat(blanks.length));

const written = (groups: Record<string, Record<string, string | number | undefined>>): string =>
  Object.entries(groups)
    .map(([name, keys]) => {
      const lines = Object.entries(keys).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
      return [`[${name}]`, ...lines, ''].join('\n');
    })
    .join('\n');

export function stationFile({ uuid, ssid, protection, secret, hidden, isConfirmed }: Station): string {
  return written({
    connection: {
      id: isConfirmed ? 'Wi-Fi' : 'Wi-Fi being tried',
      uuid,
      type: 'wifi',
      autoconnect: String(isConfirmed),
      'autoconnect-retries': 0, // for ever: nobody sits there to ask it again
    },
    wifi: { mode: 'infrastructure', ssid: bytesOf(ssid), hidden: hidden ? 'true' : undefined },
    ...(protection !== 'open' && {
      'wifi-security': { 'key-mgmt': protection, psk: secret === undefined ? undefined : escaped(secret) },
    }),
    ipv4: { method: 'auto', 'dhcp-timeout': 30 },
    ipv6: { method: 'auto' },
  });
}

/** Who is in it reaches the box alone: guests do not reach one another, and nothing is passed on (forward.nft). */
export function accessPointFile({ uuid, ssid, password, channel, address }: AccessPoint): string {
  return written({
    connection: { id: 'The own network of the box', uuid, type: 'wifi', autoconnect: 'false' },
    wifi: { mode: 'ap', band: 'bg', channel, ssid: bytesOf(ssid), 'ap-isolation': 1 },
    'wifi-security': {
      'key-mgmt': 'wpa-psk',
      proto: 'rsn;',
      pairwise: 'ccmp;',
      group: 'ccmp;',
      psk: escaped(password),
    },
    ipv4: { method: 'shared', address1: address },
    ipv6: { method: 'disabled' },
  });
}

const protections = new Set<string>(['owe', 'wpa-psk', 'sae']);
const isProtection = (text: string): text is WifiProtection => protections.has(text);

/** What `stationFile` wrote; undefined for anything else. */
export function readStation(text: string): Station | undefined {
  const values = new Map<string, string>();
  let group = '';
  for (const line of text.split('\n')) {
    const heading = /^\[(.*)\]$/.exec(line)?.[1];
    if (heading !== undefined) group = heading;
    const equals = line.indexOf('=');
    if (heading === undefined && equals > 0) values.set(`${group}/${line.slice(0, equals)}`, line.slice(equals + 1));
  }
  const uuid = values.get('connection/uuid');
  const bytes = /^(?:\d{1,3};){1,32}$/.test(values.get('wifi/ssid') ?? '')
    ? values.get('wifi/ssid')?.split(';')
    : undefined;
  if (uuid === undefined || !bytes || values.get('wifi/mode') !== 'infrastructure') return undefined;
  const numbers = bytes.slice(0, -1).map(Number);
  if (numbers.some((byte) => byte > 255)) return undefined;
  const management = values.get('wifi-security/key-mgmt') ?? 'open';
  if (management !== 'open' && !isProtection(management)) return undefined;
  return {
    uuid,
    ssid: Buffer.from(numbers).toString('hex'),
    protection: management === 'open' ? 'open' : management,
    secret: values.get('wifi-security/psk')?.replace(/\\([\\s])/g, (_, sign) => (sign === 's' ? ' ' : sign)),
    hidden: values.get('wifi/hidden') === 'true',
    isConfirmed: values.get('connection/autoconnect') === 'true',
  };
}
