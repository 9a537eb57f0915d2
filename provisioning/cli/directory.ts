/** `directory accept | show`: the alliance's directory as this territory keeps it. */
import path from 'node:path';
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { Directory } from '#contract/directory.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';

const { sequence, expiresAt } = Directory.properties;
const Shown = Type.Object(
  { sequence, expiresAt, expired: Type.Boolean(), territories: Type.Integer(), makers: Type.Integer() },
  { additionalProperties: true },
);

const accept: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, keys: text });
  const [file, ...rest] = positionals;
  noMore(rest);
  const parameters = {
    file: path.resolve(required(file, 'the file of the directory')),
    ...(values.keys === undefined ? {} : { keys: path.resolve(values.keys) }),
  };
  const outcome = await asking(values.dir)('directory.accept', parameters);
  out(outcome === 'newer' ? 'the directory is accepted' : 'this directory is held already');
};

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const shown = check(Shown, await asking(values.dir)('directory.show', {}));
  if (!shown.ok) throw new Error(`cannot read the answer: ${describeFaults(shown.faults)}`);
  const { value } = shown;
  if (values.json) return out(JSON.stringify(value));
  const rows = [
    ['sequence', String(value.sequence)],
    ['until', `${when(value.expiresAt)}${value.expired ? ', expired' : ''}`],
    ['territories', String(value.territories)],
    ['makers', String(value.makers)],
  ];
  for (const line of table(rows)) out(line);
};

const commands: Record<string, Command | undefined> = { accept, show };

export const directory: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'directory is followed by accept or show');
  await command(args, io);
};
