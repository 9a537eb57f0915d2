/** `command-key show | roll`: what the territory signs commands to its boxes with. */
import { Type } from 'typebox';
import { CommandKeys } from '#contract/commands.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';

function told(answer: unknown): string[] {
  const keys = check(Type.Array(CommandKeys.items), answer);
  if (!keys.ok) throw new Error(`cannot read the answer: ${describeFaults(keys.faults)}`);
  return keys.value.map(({ kid }, index) => `${kid}  ${index === 0 ? 'signs' : 'is still believed'}`);
}

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  noMore(positionals);
  for (const line of told(await asking(values.dir)('command.keys', {}))) out(line);
};

const roll: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, compromised: flag });
  noMore(positionals);
  const compromised = values.compromised ?? false;
  for (const line of told(await asking(values.dir)('command.roll', { compromised }))) out(line);
};

const commands: Record<string, Command | undefined> = { show, roll };

export const commandKey: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'command-key is followed by show or roll');
  await command(args, io);
};
