/** The command line, read once and refused in words. */
import { readFile } from 'node:fs/promises';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseOrRefuse } from '#common/cli.js';
import { Refusal } from '#contract/problems.js';

export type Options = NonNullable<ParseArgsConfig['options']>;

export const text = { type: 'string' } as const;
export const flag = { type: 'boolean' } as const;

/** @throws Refusal `arguments-invalid` */
export function readArguments<T extends Options>(args: string[], options: T) {
  return parseOrRefuse(() => parseArgs({ args, options, allowPositionals: true, strict: true }));
}

/** @throws Refusal `arguments-invalid` */
export function required(value: string | undefined, name: string): string {
  if (value === undefined || value.trim() === '') throw new Refusal('arguments-invalid', `${name} is missing`);
  return value;
}

/** @throws Refusal `arguments-invalid` */
export function wholeNumber(value: string, name: string, [least, most]: readonly [number, number]): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new Refusal('arguments-invalid', `${name} is a whole number from ${least} to ${most}`);
  return number;
}

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `15m`, `1h`, `30d` to seconds. @throws Refusal `arguments-invalid` */
export function duration(value: string, name: string, [least, most]: readonly [number, number]): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(value) ?? [];
  const seconds = Number(count) * (units[unit] ?? Number.NaN);
  if (!(seconds >= least && seconds <= most))
    throw new Refusal(
      'arguments-invalid',
      `${name} is a time such as 90s, 15m, 1h or 30d, ${least} to ${most} seconds`,
    );
  return seconds;
}

/** @throws Refusal `arguments-invalid` */
export function noMore(positionals: readonly string[]): void {
  if (positionals.length > 0) throw new Refusal('arguments-invalid', `what is "${positionals[0]}"?`);
}

/** A file that the command line names. @throws Refusal `arguments-invalid` */
export async function fileText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
  });
}
