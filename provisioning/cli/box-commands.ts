/** `box command | commands | diagnostics`: what is asked of a box, and what it answered. */
import path from 'node:path';
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { longestCommandSeconds } from '#contract/commands.js';
import { CommandPage, CommandView } from '#contract/operator-commands.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { duration, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { outputs, tellRows } from './output.js';

function read<T>(answer: Parsed<T>): T {
  if (!answer.ok) throw new Error(`cannot read the answer: ${describeFaults(answer.faults)}`);
  return answer.value;
}

export const parameterOptions = { seconds: text, sample: text, batch: text, what: text, to: text } as const;

/** Of the kind, as they were said; the provider judges them. @throws Refusal `arguments-invalid` */
export function parametersOf(values: Partial<Record<keyof typeof parameterOptions, string>>): Record<string, unknown> {
  const count = (value: string | undefined, name: string) =>
    value === undefined ? undefined : wholeNumber(value, name, [1, 86_400]);
  const parameters = {
    seconds: count(values.seconds, '--seconds'),
    sampleSeconds: count(values.sample, '--sample'),
    batchSeconds: count(values.batch, '--batch'),
    what: values.what,
    version: values.to,
  };
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
}

const send: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ dir: text, by: text, expires: text, json: flag },
    ...parameterOptions,
  });
  const [box, kind, ...rest] = positionals;
  noMore(rest);
  const lifetimeSeconds =
    values.expires === undefined ? undefined : duration(values.expires, '--expires', [60, longestCommandSeconds]);
  const answer = await asking(values.dir)('command.send', {
    box: required(box, 'the id of the box'),
    kind: required(kind, 'what is to be done'),
    parameters: parametersOf(values),
    by: values.by ?? 'command line',
    ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
  });
  const made = read(check(CommandView, answer));
  out(values.json ? JSON.stringify(made) : `${made.id}: ${made.kind} is asked of box ${made.box}`);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  const [box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('command.list', { box: required(box, 'the id of the box') });
  const { commands } = read(check(CommandPage, answer));
  const rows = commands.map(({ id, kind, state, issuedAt, by, answer: said, remedy }) => [
    ...[id, kind, state, when(issuedAt), by, said?.text ?? '-', remedy ?? '-'],
  ]);
  tellRows(out, values, answer, [['ID', 'KIND', 'STATE', 'ASKED', 'BY', 'ANSWER', 'WHAT TO DO'], ...rows]);
};

const diagnostics: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, out: text });
  const [box, command, ...rest] = positionals;
  noMore(rest);
  const file = path.resolve(required(values.out, '--out'));
  const wish = { box: required(box, 'the id of the box'), command: required(command, 'the id of the command'), file };
  const bytes = read(check(Type.Integer(), await asking(values.dir)('command.diagnostics', wish)));
  out(`${bytes} bytes are in ${file}`);
};

export const boxCommands: Record<string, Command | undefined> = { command: send, commands: list, diagnostics };
