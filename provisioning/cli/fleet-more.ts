/** `fleet events | history | command` */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { longestCommandSeconds } from '#contract/commands.js';
import { FleetEvent, StoredSample } from '#contract/operator.js';
import { FleetCommandResult } from '#contract/operator-commands.js';
import { check } from '#contract/parse.js';
import { mostHistory } from '../fleet/operations.js';
import { duration, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import { parameterOptions, parametersOf } from './box-commands.js';
import type { Command } from './command.js';
import { filter, queryOf } from './fleet-wish.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const pageSize = 100;
const day = 86_400;
const longest = 731 * day;

const events: Command = async (args, { out }) => {
  const options = { dir: text, ...outputs, box: text, type: text, before: text, limit: text };
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  const most = wholeNumber(values.limit ?? String(pageSize), '--limit', [1, 10_000]);
  const ask = asking(values.dir);
  const found: FleetEvent[] = [];
  for (let { before } = values; found.length < most; before = found[0]?.id) {
    const page = answered(
      check(
        Type.Array(FleetEvent),
        await ask('fleet.events', {
          ...(values.box !== undefined && { box: values.box }),
          ...(values.type !== undefined && { type: values.type }),
          ...(before !== undefined && { before }),
          limit: Math.min(pageSize, most - found.length),
        }),
      ),
    );
    found.unshift(...page);
    if (page.length < pageSize) break;
  }
  tellRows(out, values, found, [
    ['WHEN', 'TYPE', 'BOX', 'WHAT', 'CODE', 'REMEDY'],
    ...found.map(({ at, type, box, text: what, code, remedy }) => [
      ...[when(at), type, box ?? '-', what, code ?? '-', remedy ?? '-'],
    ]),
  ]);
};

/** A row a time; a column a metric, with the least and the most of it where a row stands for several samples. */
function columnsOf(samples: readonly StoredSample[]): string[][] {
  const names = [...new Set(samples.flatMap(({ values }) => Object.keys(values)))].sort();
  const spread = names.filter((name) => samples.some(({ min }) => min?.[name] !== undefined));
  const cell = (value: number | undefined) => (value === undefined ? '' : String(value));
  return [
    ['at', ...names, ...spread.flatMap((name) => [`${name} (least)`, `${name} (most)`])],
    ...samples.map(({ at, values, min, max }) => [
      new Date(at).toISOString(),
      ...names.map((name) => cell(values[name])),
      ...spread.flatMap((name) => [cell(min?.[name]), cell(max?.[name])]),
    ]),
  ];
}

const history: Command = async (args, { out }) => {
  const options = {
    dir: text,
    ...outputs,
    last: text,
    limit: text,
    metric: { type: 'string', multiple: true } as const,
  };
  const { values, positionals } = readArguments(args, options);
  const [box, ...rest] = positionals;
  noMore(rest);
  const to = Date.now();
  const from = to - duration(values.last ?? '1d', '--last', [60, longest]) * 1000;
  const answer = await asking(values.dir)('fleet.history', {
    ...{ box: required(box, 'the id of the box'), from, to },
    limit: wholeNumber(values.limit ?? '100', '--limit', [1, mostHistory]),
  });
  const wanted = values.metric && new Set(values.metric);
  const only = <T>(of: Record<string, T> = {}) =>
    Object.fromEntries(Object.entries(of).filter(([name]) => wanted?.has(name) ?? true));
  const samples = answered(check(Type.Array(StoredSample), answer)).map(({ at, values: all, min, max }) => ({
    ...{ at, values: only(all) },
    ...(min && { min: only(min) }),
    ...(max && { max: only(max) }),
  }));
  tellRows(out, values, samples, columnsOf(samples));
};

const command: Command = async (args, { out }) => {
  const options = { ...filter, dir: text, json: flag, by: text, expires: text, boxes: text, ...parameterOptions };
  const { values, positionals } = readArguments(args, options);
  const [kind, ...rest] = positionals;
  noMore(rest);
  const asked = {
    kind: required(kind, 'what is to be done'),
    parameters: parametersOf(values),
    ...(values.expires !== undefined && {
      lifetimeSeconds: duration(values.expires, '--expires', [60, longestCommandSeconds]),
    }),
  };
  const answer = await asking(values.dir)('command.send-to-many', {
    ...{ filter: queryOf(values, Object.keys(filter)), command: asked, by: values.by ?? 'command line' },
    boxes: wholeNumber(required(values.boxes, '--boxes'), '--boxes', [1, 1000]),
  });
  const result = answered(check(FleetCommandResult, answer));
  tellDone(out, values, result, `${kind} is asked of ${result.asked} boxes`);
  if (!values.json) for (const { box, code } of result.refused) out(`${box} was not asked: ${code}`);
};

export const moreOfFleet: Record<string, Command> = { events, history, command };
