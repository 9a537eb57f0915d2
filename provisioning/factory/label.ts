/** What is printed and stuck on a box: a QR code of the setup link, and the same in words. */
import qrcode from 'qrcode-generator';
import { setupLink } from '#contract/label.js';
import { accessPointName } from '#contract/ssid.js';

export interface Label {
  /** `webizen-XXXX` */
  name: string;
  /** As printed, with its dash. */
  code: string;
  /** Of the box's own Wi-Fi network. */
  wifi: string;
  serial: string;
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** 60 by 30 millimetres: the code at the left with its quiet zone of four modules (ISO/IEC 18004), words at the right. */
export function labelSvg({ name, code, wifi, serial }: Label): string {
  const qr = qrcode(0, 'M');
  qr.addData(setupLink(code));
  qr.make();
  const count = qr.getModuleCount();
  const dark: string[] = [];
  for (let row = 0; row < count; row += 1)
    for (let column = 0; column < count; column += 1)
      if (qr.isDark(row, column)) dark.push(`M${column} ${row}h1v1h-1z`);
  const line = (y: number, size: number, text: string) =>
    `  <text x="30" y="${y}" font-size="${size}">${escaped(text)}</text>`;
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" width="60mm" height="30mm" viewBox="0 0 60 30" font-family="monospace">',
    '  <rect width="60" height="30" fill="#fff"/>',
    `  <path transform="translate(1 1) scale(${28 / (count + 8)}) translate(4 4)" d="${dark.join('')}"/>`,
    line(6, 3.4, name),
    line(12, 3.4, code),
    line(16.5, 2, 'http://webizen.local'),
    line(20.5, 2, `Wi-Fi ${accessPointName(name)}`),
    line(23.5, 2, wifi),
    line(27.5, Math.min(2, 46 / (serial.length + 3)), `SN ${serial}`),
    '</svg>',
    '',
  ].join('\n');
}

export const labelText = ({ name, code, wifi, serial }: Label): string =>
  [
    `name    ${name}`,
    `code    ${code}`,
    `wifi    ${accessPointName(name)} ${wifi}`,
    `serial  ${serial}`,
    `open    ${setupLink(code)}`,
    '',
  ].join('\n');
