/** `alert silences | silence | end-silence` */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { type NewSilence, Silence } from '#contract/alerts.js';
import { check } from '#contract/parse.js';
import { duration, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const longest = 90 * 86_400;

const scopeOf = ({ rule, box, place, model, labelPrefix }: Silence): string =>
  [
    rule !== undefined && `rule ${rule}`,
    box,
    place !== undefined && `place ${place}`,
    model !== undefined && `model ${model}`,
    labelPrefix !== undefined && `label ${labelPrefix}…`,
  ]
    .filter(Boolean)
    .join(', ') || 'everything';

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const silences = answered(check(Type.Array(Silence), await asking(values.dir)('silence.list', {})));
  tellRows(out, values, silences, [
    ['ID', 'OF', 'UNTIL', 'BY', 'WHY'],
    ...silences.map((one) => [one.id, scopeOf(one), when(one.until), one.by, one.reason]),
  ]);
};

const create: Command = async (args, { out }) => {
  const scope = { rule: text, box: text, place: text, model: text, 'label-prefix': text };
  const { values, positionals } = readArguments(args, {
    dir: text,
    ...scope,
    for: text,
    reason: text,
    by: text,
    json: outputs.json,
  });
  noMore(positionals);
  const { rule, box, place, model, 'label-prefix': labelPrefix } = values;
  const said: Partial<NewSilence> = {
    ...(rule !== undefined && { rule }),
    ...(box !== undefined && { box }),
    ...(place !== undefined && { place }),
    ...(model !== undefined && { model }),
    ...(labelPrefix !== undefined && { labelPrefix }),
  };
  const answer = await asking(values.dir)('silence.create', {
    ...said,
    reason: required(values.reason, '--reason'),
    forSeconds: duration(required(values.for, '--for'), '--for', [60, longest]),
    by: values.by ?? 'command-line',
  });
  const made = answered(check(Silence, answer));
  tellDone(out, values, made, `${made.id}: ${scopeOf(made)} is silenced until ${when(made.until)}`);
};

const end: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: outputs.json });
  const [silence, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('silence.end', { silence: required(silence, 'the id of the silence') });
  tellDone(out, values, { silence, ended: true }, `the silence ${silence} has ended`);
};

export const silenceCommands: Record<string, Command> = { silences: list, silence: create, 'end-silence': end };
