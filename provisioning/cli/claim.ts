/** `claim create | list | revoke` */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { Claim, CreatedClaim } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { duration, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';
import { outputs, tellDone, tellRows } from './output.js';

const longestSeconds = 366 * 86_400;

function created(answer: unknown): CreatedClaim[] {
  const parsed = check(Type.Array(CreatedClaim), answer);
  if (!parsed.ok) throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

function listed(answer: unknown): Claim[] {
  const parsed = check(Type.Array(Claim), answer);
  if (!parsed.ok) throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

const create: Command = async (args, { out }) => {
  const options = { dir: text, count: text, label: text, expires: text, json: flag };
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  const wish = {
    count: wholeNumber(values.count ?? '1', '--count', [1, 1000]),
    ...(values.label === undefined ? {} : { label: values.label }),
    ...(values.expires === undefined
      ? {}
      : { lifetimeSeconds: duration(values.expires, '--expires', [1, longestSeconds]) }),
  };
  const claims = created(await asking(values.dir)('claim.create', wish));
  if (values.json) out(JSON.stringify(claims));
  else for (const { code } of claims) out(code);
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const claims = await askAll(asking(values.dir), 'claim.list', listed);
  const rows = claims.map(({ id, state, expiresAt, box, label }) => [id, state, when(expiresAt), box ?? '-', label]);
  tellRows(out, values, claims, [['ID', 'STATE', 'EXPIRES', 'BOX', 'LABEL'], ...rows]);
};

const revoke: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [id, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('claim.revoke', { id: required(id, 'the id of the claim') });
  tellDone(out, values, { id, revoked: true }, `claim ${id} is revoked`);
};

const commands: Record<string, Command | undefined> = { create, list, revoke };

export const claim: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'claim is followed by create, list or revoke');
  await command(args, io);
};
