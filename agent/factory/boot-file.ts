/** `webizen.json` on the boot partition: what the person who prepared the card wants the box to know. */
import { type Static, Type } from 'typebox';
import { parseClaimCode } from '#contract/claim-code.js';
import { BootWifi } from '#contract/network.js';
import { describeFaults, type Fault, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { parseSetupCode } from '#contract/setup-code.js';
import { ssidOf } from '#contract/ssid.js';

export const BootFile = Type.Object(
  {
    setupCode: Type.Optional(Type.String({ maxLength: 200, description: 'instead of one on a label' })),
    territory: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'id in the directory' })),
    claimCode: Type.Optional(Type.String({ maxLength: 200 })),
    /** Taken once and then removed from the file, because whoever reads the card would read its password. */
    wifi: Type.Optional(BootWifi),
  },
  { $id: 'BootFile', additionalProperties: false },
);
export type BootFile = Static<typeof BootFile>;

export const bootFileName = 'webizen.json';
const largestBytes = 64 * 1024;

/** Takes outside bytes; a byte order mark is forgiven. @throws Refusal `boot-file-invalid` naming every fault */
export function parseBootFile(bytes: Uint8Array): BootFile {
  if (bytes.length > largestBytes) throw new Refusal('boot-file-invalid', 'it is too large');
  const parsed = parseJson(BootFile, bytes);
  if (!parsed.ok) throw new Refusal('boot-file-invalid', describeFaults(parsed.faults));
  const { setupCode, claimCode, wifi } = parsed.value;
  const faults: Fault[] = [];
  const mistyped = 'is not such a code: its length or its check character is wrong';
  if (setupCode !== undefined && !parseSetupCode(setupCode)) faults.push({ path: '/setupCode', message: mistyped });
  if (claimCode !== undefined && !parseClaimCode(claimCode)) faults.push({ path: '/claimCode', message: mistyped });
  if (wifi && ssidOf(wifi.ssid) === undefined)
    faults.push({ path: '/wifi/ssid', message: 'is longer than 32 bytes in UTF-8' });
  if (wifi && [wifi.passphrase, wifi.psk, wifi.open].filter((one) => one !== undefined).length !== 1)
    faults.push({ path: '/wifi', message: 'wants one of passphrase, psk and "open": true' });
  if (faults.length > 0) throw new Refusal('boot-file-invalid', describeFaults(faults));
  return parsed.value;
}

/** The same file without what it says of Wi-Fi. One that cannot be read stays as it is. */
export function withoutWifi(bytes: Uint8Array): string | Uint8Array {
  const parsed = parseJson(BootFile, bytes);
  if (!parsed.ok) return bytes;
  const { wifi: _, ...rest } = parsed.value;
  return `${JSON.stringify(rest, null, 2)}\n`;
}
