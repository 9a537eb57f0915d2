/** Numbers as the kernel writes them. Whatever else stands there is no number. */

const most = Number.MAX_SAFE_INTEGER;

/** `12`, ` 12\n`, `-52.`, `0.35`; undefined for anything else. */
export function decimal(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*-?\d{1,20}(\.\d{0,12})?\s*$/.test(text)) return undefined;
  const value = Number(text);
  return Math.abs(value) <= most ? value : undefined;
}

/** `0x0b`, as eMMC registers and the Pi's firmware are shown, with or without the prefix. */
export function hexadecimal(text: string | undefined): number | undefined {
  const [, digits] = /^\s*(?:0x)?([0-9a-f]{1,12})\s*$/i.exec(text ?? '') ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Of those that are numbers; undefined where none is. */
export function total(values: readonly (number | undefined)[]): number | undefined {
  const found = values.filter((value) => value !== undefined);
  return found.length > 0 ? found.reduce((sum, value) => sum + value, 0) : undefined;
}
