/** The name of a Wi-Fi network: bytes, told in hex, and the text that people read. */

/** As text. What is not UTF-8 shows as replacement signs; control and direction signs are left out. */
export function ssidName(ssid: string): string {
  const bytes = Uint8Array.from(ssid.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return new TextDecoder().decode(bytes).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '') || '(no name)';
}
/** Undefined where it is empty or has more than 32 bytes in UTF-8. */
export function ssidOf(name: string): string | undefined {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length > 32) return undefined;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `Webizen-7k3f`: the access point of the box `webizen-7k3f`. */
export const accessPointName = (boxName: string): string => boxName.replace(/^w/, 'W');
