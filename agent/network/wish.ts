/** What somebody chose, made into a profile or refused. Pure. */
import { randomUUID } from 'node:crypto';
import { type BootWifi, type NewWifi, WifiPassphrase, WifiPsk } from '#contract/network.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ssidOf } from '#contract/ssid.js';
import type { SeenWifi, WifiProtection } from '../host/network.js';
import type { Station } from './keyfile.js';

function secretOf(passphrase: string | null, protection: WifiProtection): string | undefined {
  if (protection === 'open' || protection === 'owe') return undefined;
  if (passphrase === null || passphrase === '') throw new Refusal('wifi-password-needed');
  // The key itself is no password to WPA3, which wants the words.
  const isKey = protection === 'wpa-psk' && check(WifiPsk, passphrase).ok;
  if (!isKey && !check(WifiPassphrase, passphrase).ok) throw new Refusal('wifi-password-invalid');
  return passphrase;
}

/** @throws Refusal `wifi-password-needed`, `wifi-password-invalid`, `wifi-unsupported` */
export function stationOf({ ssid, passphrase, hidden }: NewWifi, seen: readonly SeenWifi[]): Station {
  const found = seen.find((one) => one.ssid === ssid);
  if (found && !found.protection) throw new Refusal('wifi-unsupported');
  const protection = found?.protection ?? (passphrase ? 'wpa-psk' : 'open');
  const secret = secretOf(passphrase, protection);
  return { uuid: randomUUID(), ssid, protection, secret, hidden, isConfirmed: false };
}

/** Of webizen.json, where it brings a network; it may have brought its country alone. */
export function stationOfBoot({ ssid, passphrase, psk, hidden = false }: BootWifi): Station | undefined {
  const hex = ssidOf(ssid);
  if (hex === undefined) return undefined;
  const secret = passphrase ?? psk;
  const protection = secret === undefined ? 'open' : 'wpa-psk';
  return { uuid: randomUUID(), ssid: hex, protection, secret, hidden, isConfirmed: true };
}
