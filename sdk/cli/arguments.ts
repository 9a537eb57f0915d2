/** The command line, read once and refused in words. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { parseOrRefuse } from '#common/cli.js';
import { Refusal } from '#contract/problems.js';
import type { Command, Io } from './command.js';

type Options = NonNullable<ParseArgsConfig['options']>;

export const text = { type: 'string' } as const;
export const texts = { type: 'string', multiple: true } as const;
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

/** At most so many words. @throws Refusal `arguments-invalid` */
export function noMoreThan(count: number, positionals: readonly string[]): void {
  const extra = positionals[count];
  if (extra !== undefined) throw new Refusal('arguments-invalid', `what is "${extra}"?`);
}

/** @throws Refusal `arguments-invalid` */
export function oneOf<T extends string>(value: string, name: string, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === value);
  if (chosen === undefined) throw new Refusal('arguments-invalid', `${name} is one of ${choices.join(', ')}`);
  return chosen;
}

/** Where the member's key lies, unless the command line says otherwise. */
export const memberPlace = (given: string | undefined, env: Io['env']): string =>
  given ?? env.WEBIZEN_MEMBER ?? `${env.HOME ?? '.'}/.webizen`;

/** A command of two words. @throws Refusal `arguments-invalid` */
export function choice(noun: string, verbs: Record<string, (() => Promise<Command>) | undefined>): Command {
  return async ([verb = '', ...args], io) => {
    const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (!load) throw new Refusal('arguments-invalid', `${noun} is followed by ${Object.keys(verbs).join(', ')}`);
    return (await load())(args, io);
  };
}
