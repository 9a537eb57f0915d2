/** `box command | commands | diagnostics`: what is asked of a box, and what it answered. */
import path from 'node:path';
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { longestCommandSeconds } from '#contract/commands.js';
import { CommandPage, CommandView } from '#contract/operator-commands.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { duration, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';

function read<T>(answer: Parsed<T>): T {
  if (!answer.ok) throw new Error(`cannot read the answer: ${describeFaults(answer.faults)}`);
  return answer.value;
}

const send: Command = async (args, { out }) => {
  const options = { dir: text, by: text, expires: text, seconds: text, sample: text, batch: text, what: text };
  const { values, positionals } = readArguments(args, { ...options, to: text, json: flag });
  const [box, kind, ...rest] = positionals;
  noMore(rest);
  const count = (value: string | undefined, name: string) =>
    value === undefined ? undefined : wholeNumber(value, name, [1, 86_400]);
  const parameters = {
    seconds: count(values.seconds, '--seconds'),
    sampleSeconds: count(values.sample, '--sample'),
    batchSeconds: count(values.batch, '--batch'),
    what: values.what,
    version: values.to,
  };
  const lifetimeSeconds =
    values.expires === undefined ? undefined : duration(values.expires, '--expires', [60, longestCommandSeconds]);
  const answer = await asking(values.dir)('command.send', {
    box: required(box, 'the id of the box'),
    kind: required(kind, 'what is to be done'),
    parameters: Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined)),
    by: values.by ?? 'command line',
    ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
  });
  const made = read(check(CommandView, answer));
  out(values.json ? JSON.stringify(made) : `${made.id}: ${made.kind} is asked of box ${made.box}`);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('command.list', { box: required(box, 'the id of the box') });
  const { commands } = read(check(CommandPage, answer));
  if (values.json) return out(JSON.stringify(answer));
  const rows = commands.map(({ id, kind, state, issuedAt, by, answer: said }) => [
    ...[id, kind, state, when(issuedAt), by, said?.text ?? '-'],
  ]);
  for (const line of table([['ID', 'KIND', 'STATE', 'ASKED', 'BY', 'ANSWER'], ...rows])) out(line);
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
