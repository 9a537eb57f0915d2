/** `box list | show | revoke` */
import { Type } from 'typebox';
import { BoxDetail } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';
import { table, when } from './print.js';

const { id, state, enrolledAt, certificate, cut } = BoxDetail.properties;
/** What every answer has; more is passed on as it came. */
const Box = Type.Object({ id, state, enrolledAt, certificate, cut }, { additionalProperties: true });

function listed(answer: unknown) {
  const parsed = check(Type.Array(Box), answer);
  if (!parsed.ok) throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const boxes = await askAll(asking(values.dir), 'box.list', listed);
  if (values.json) return out(JSON.stringify(boxes));
  const rows = boxes.map((box) => [box.id, box.state, when(box.enrolledAt), when(box.certificate.notAfter)]);
  for (const line of table([['ID', 'STATE', 'ENROLLED', 'CERTIFICATE UNTIL'], ...rows])) out(line);
};

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('box.show', { box: required(box, 'the id of the box') });
  const [found] = listed([answer]);
  if (!found || values.json) return out(JSON.stringify(answer));
  const rows = [
    ['id', found.id],
    ['state', found.state],
    ['enrolled', when(found.enrolledAt)],
    ['certificate', found.certificate.serial],
    ['valid until', when(found.certificate.notAfter)],
    ...(found.cut ? [['session', found.cut === 'cut' ? 'cut' : 'not cut: it may still be open at the broker']] : []),
  ];
  for (const line of table(rows)) out(line);
};

const revoke: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  const [box, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('box.revoke', { box: required(box, 'the id of the box') });
  out(`box ${box} is revoked`);
};

const commands: Record<string, Command | undefined> = { list, show, revoke };

export const box: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'box is followed by list, show or revoke');
  await command(args, io);
};
