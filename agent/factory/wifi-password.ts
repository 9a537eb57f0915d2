/**
 * The password of the box's own Wi-Fi network: its label's, or one that it made and wrote beside the setup code on the boot
 * partition. So a label without one stays good: whoever holds the card can read the other.
 *
 * Not the setup code: what is said over the air lets passwords be guessed elsewhere, and a box keeps no setup code.
 */
import path from 'node:path';
import type { Files } from '#common/files.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { accessPointName } from '#contract/ssid.js';
import { newWifiPassword, WifiPassword } from '#contract/wifi-password.js';
import { setupCodeFile } from './setup-code.js';

/** Undefined where the text is none. Takes outside bytes. */
export function parseWifiPassword(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length > 200) return undefined;
  const text = Buffer.from(bytes).toString('latin1').trim();
  return check(WifiPassword, text).ok ? text : undefined;
}

/** Undefined for a box that nobody could read it of. @throws Refusal `boot-unwritable` */
export async function openWifiPassword({
  files,
  file,
  bootDir,
  boxName,
}: {
  files: Files;
  file: string;
  bootDir: string | undefined;
  boxName: string;
}): Promise<string | undefined> {
  const kept = parseWifiPassword(await files.read(file));
  if (kept !== undefined || bootDir === undefined) return kept;
  const made = newWifiPassword();
  const place = path.join(bootDir, setupCodeFile);
  const before = (await files.read(place))?.toString('latin1') ?? '';
  const text = [
    'The password of its own Wi-Fi network, which it opens where it finds no other:',
    '',
    accessPointName(boxName),
    made,
    '',
  ].join('\r\n');
  // First, as with the setup code: one that is kept and told to nobody would be of no use.
  await files.write(place, before === '' ? text : `${before}\r\n${text}`).catch((error: unknown) => {
    throw new Refusal('boot-unwritable', error instanceof Error ? error.message : undefined, { cause: error });
  });
  await files.write(file, `${made}\n`, 0o600);
  return made;
}
