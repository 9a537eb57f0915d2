/** `box list | show | revoke | reinstate | settle | object`, and those of box-commands.ts. */
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { BoxDetail, BoxStanding } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import { boxCommands } from './box-commands.js';
import type { Command } from './command.js';
import { outputs, tellDone, tellRows } from './output.js';

const { id, state, enrolledAt, certificate, cut, cloned } = BoxDetail.properties;
/** What every answer has; more is passed on as it came. */
const Box = Type.Object(
  { id, state, enrolledAt, certificate, cut, cloned: Type.Optional(cloned) },
  { additionalProperties: true },
);

function listed(answer: unknown) {
  const parsed = check(Type.Array(Box), answer);
  if (!parsed.ok) throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const boxes = await askAll(asking(values.dir), 'box.list', listed);
  const rows = boxes.map((box) => [box.id, box.state, when(box.enrolledAt), when(box.certificate.notAfter)]);
  tellRows(out, values, boxes, [['ID', 'STATE', 'ENROLLED', 'CERTIFICATE UNTIL'], ...rows]);
};

function told({ admittedBy, factory, leaving, revocation }: BoxStanding): string[][] {
  return [
    ['admitted by', admittedBy],
    ...(factory ? [['device', `${factory.serial} of ${factory.maker}${factory.barred ? ', barred' : ''}`]] : []),
    ...(leaving
      ? [['leaving', `${leaving.phase} ${when(leaving.at)}, ${leaving.reason}, to ${leaving.to ?? '-'}`]]
      : []),
    ...(leaving?.objection ? [['objection', leaving.objection]] : []),
    ...(revocation ? [['ended', `${when(revocation.at)}, ${revocation.reason}, to ${revocation.to ?? '-'}`]] : []),
    ...(revocation?.text ? [['reason', revocation.text]] : []),
  ];
}

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('box.show', { box: required(box, 'the id of the box') });
  const [found] = listed([answer]);
  if (!found || values.json) return out(JSON.stringify(answer));
  const detail = check(Type.Object({ standing: BoxStanding }, { additionalProperties: true }), answer);
  const rows = [
    ['id', found.id],
    ['state', found.state],
    ['enrolled', when(found.enrolledAt)],
    ['certificate', found.certificate.serial],
    ['valid until', when(found.certificate.notAfter)],
    ...(found.cloned
      ? [
          [
            'cloned-box',
            `since ${when(found.cloned.since)}, last ${when(found.cloned.at)}: ${new Refusal('cloned-box').remedy}`,
          ],
        ]
      : []),
    ...(detail.ok ? told(detail.value.standing) : []),
    ...(found.cut ? [['session', found.cut === 'cut' ? 'cut' : 'not cut: it may still be open at the broker']] : []),
  ];
  for (const line of table(rows)) out(line);
};

const revoke: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, reason: text, 'keep-device': flag, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('box.revoke', {
    box: required(box, 'the id of the box'),
    ...(values.reason === undefined ? {} : { reason: values.reason }),
    ...(values['keep-device'] ? { barFactory: false } : {}),
  });
  tellDone(out, values, { box, revoked: true }, `box ${box} is revoked`);
};

const reinstate: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('box.reinstate', { box: required(box, 'the id of the box') });
  tellDone(out, values, { box, reinstated: true }, `the device of box ${box} may enrol again`);
};

const settle: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('box.settle', { box: required(box, 'the id of the box') });
  const told = `the copy of box ${box} is seen to; it is told again if it comes back`;
  tellDone(out, values, { box, settled: true }, told);
};

const object: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, reason: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  const wish = { box: required(box, 'the id of the box'), reason: required(values.reason, '--reason') };
  await asking(values.dir)('box.object', wish);
  tellDone(out, values, { box, objected: true }, `the owner of box ${box} will read it`);
};

const commands: Record<string, Command | undefined> = {
  ...{ list, show, revoke, reinstate, settle, object },
  ...boxCommands,
};

export const box: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', `box is followed by ${Object.keys(commands).join(', ')}`);
  await command(args, io);
};
