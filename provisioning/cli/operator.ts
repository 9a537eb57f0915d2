/** `operator add | list | role | remove | reset` */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { CreatedOperator, Operator, Role } from '#contract/operators.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

function roleOf(value: string | undefined, what: string): Role {
  const parsed = check(Role, required(value, what));
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', `${what} is viewer, operator or admin`);
}

function one(positionals: readonly string[]): string {
  const [name, ...rest] = positionals;
  noMore(rest);
  return required(name, 'the name of the operator');
}

const add: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, role: text, json: flag });
  const wish = { name: one(positionals), role: roleOf(values.role, '--role') };
  const made = answered(check(CreatedOperator, await asking(values.dir)('operator.add', wish)));
  tellDone(out, values, made, made.secret);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const operators = answered(check(Type.Array(Operator), await asking(values.dir)('operator.list', {})));
  const at = (time: number | null) => (time === null ? '-' : when(time));
  const rows = operators.map(({ name, role, createdAt, secretAt }) => [name, role, at(createdAt), at(secretAt)]);
  tellRows(out, values, operators, [['NAME', 'ROLE', 'ADDED', 'SECRET SINCE'], ...rows]);
};

const role: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [name, to, ...rest] = positionals;
  noMore(rest);
  const wish = { name: required(name, 'the name of the operator'), role: roleOf(to, 'the role') };
  const now = answered(check(Operator, await asking(values.dir)('operator.role', wish)));
  tellDone(out, values, now, `${now.name} is ${now.role} now`);
};

const reset: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const answer = await asking(values.dir)('operator.reset', { name: one(positionals) });
  const made = answered(check(CreatedOperator, answer));
  tellDone(out, values, made, made.secret);
};

const remove: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const name = one(positionals);
  await asking(values.dir)('operator.remove', { name });
  tellDone(out, values, { name, removed: true }, `${name} may no longer sign in, and what ${name} had open has ended`);
};

const commands: Record<string, Command | undefined> = { add, list, role, reset, remove };

export const operator: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'operator is followed by add, list, role, reset or remove');
  await command(args, io);
};
