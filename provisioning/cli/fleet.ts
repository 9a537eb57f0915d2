/** `fleet glance | list | show | about | filters | save | forget` */
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { FleetGlance, FleetPage, FleetQuery, SavedFilter, type Tally } from '#contract/fleet.js';
import { buildFleetQuery, readFleetQuery } from '#contract/fleet-query.js';
import { BoxSummary } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { type Ask, asking } from './ask.js';
import type { Command } from './command.js';
import { moreOfFleet } from './fleet-more.js';
import { queryOf, wish } from './fleet-wish.js';
import { answered, oneOutput, outputs, tellDone, tellRows } from './output.js';

const pageSize = 100;

const tallied = (name: string, { values, others }: Tally): string[][] => [
  ...values.map(({ value, boxes }) => [`${name} ${value || '(not known)'}`, String(boxes)]),
  ...(others.values > 0 ? [[`${name}, ${others.values} others`, String(others.boxes)]] : []),
];

const glance: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const answer = await asking(values.dir)('fleet.glance', {});
  if (values.json) return out(JSON.stringify(answer));
  const { states, care, conditions, agents, models, places, changes } = answered(check(FleetGlance, answer));
  const needing = care.trouble + care.attention;
  out(needing === 0 ? 'No box needs care.' : `${needing} ${needing === 1 ? 'box needs' : 'boxes need'} care.`);
  const rows = [
    ['care trouble', String(care.trouble)],
    ['care attention', String(care.attention)],
    ...Object.entries(states).map(([state, boxes]) => [`state ${state}`, String(boxes)]),
    ...conditions.map(({ kind, severity, boxes }) => [`condition ${kind} (${severity})`, String(boxes)]),
    ...tallied('agent', agents),
    ...tallied('model', models),
    ...tallied('place', places),
    ...changes.types.map(({ type, count }) => [`event ${type} since ${when(changes.since)}`, String(count)]),
  ];
  for (const line of table(rows)) out(line);
};

const reasonsOf = ({ care }: BoxSummary): string =>
  care?.reasons.map(({ kind, condition }) => condition ?? kind).join(', ') ?? '';

async function savedQuery(ask: Ask, name: string | undefined): Promise<FleetQuery> {
  if (name === undefined) return {};
  const saved = answered(check(Type.Array(SavedFilter), await ask('fleet.filters', {})));
  const found = saved.find((one) => one.name === name);
  if (!found) throw new Refusal('filter-unknown', name);
  return answered(check(FleetQuery, readFleetQuery(found.query)));
}

const list: Command = async (args, { out }) => {
  const options = { dir: text, ...outputs, all: flag, saved: text, cursor: text, ...wish };
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  oneOutput(values);
  const ask = asking(values.dir);
  const query = { ...(await savedQuery(ask, values.saved)), ...queryOf(values), limit: pageSize };
  let { cursor } = values;
  for (let isFirst = true; ; isFirst = false) {
    const answer = await ask('fleet.list', { ...query, ...(cursor === undefined ? {} : { cursor }) });
    const page = answered(check(FleetPage, answer));
    if (values.json) out(JSON.stringify(answer));
    else {
      const rows = page.boxes.map((box) => [
        ...[box.id, box.state, box.care?.level ?? '', box.label ?? '', box.place ?? '', box.agent ?? ''],
        ...[box.lastSeen === null ? 'never' : when(box.lastSeen), reasonsOf(box)],
      ]);
      const head = ['ID', 'STATE', 'CARE', 'LABEL', 'PLACE', 'AGENT', 'LAST SEEN', 'WHY'];
      tellRows(out, { csv: values.csv }, undefined, isFirst ? [head, ...rows] : rows);
    }
    cursor = page.next ?? undefined;
    if (cursor !== undefined && values.all) continue;
    if (cursor !== undefined && !values.json && !values.csv) out(`${page.total} in all; go on with --cursor ${cursor}`);
    return;
  }
};

const Shown = Type.Object(
  { ...BoxSummary.properties, birth: Type.Unknown(), reported: Type.Unknown() },
  { additionalProperties: true },
);

function showBox(answer: unknown, out: (line: string) => void): void {
  const box = answered(check(Shown, answer));
  const rows = [
    ['id', box.id],
    ['label', box.label ?? '-'],
    ['place', box.place ?? '-'],
    ['state', box.state],
    ['care', `${box.care?.level ?? '-'} ${reasonsOf(box)}`.trim()],
    ['last seen', box.lastSeen === null ? 'never' : when(box.lastSeen)],
    ['agent', box.agent ?? '-'],
    ['model', box.model ?? '-'],
    ['device', box.serial ?? '-'],
    ['enrolled', when(box.enrolledAt)],
    ['certificate until', when(box.certificate.notAfter)],
    ['samples missing', String(box.gaps)],
    ...(box.conditions ?? []).map(({ kind, about, severity, since, evidence }) => [
      about === undefined ? kind : `${kind} (${about})`,
      `${severity} since ${when(since)}: ${evidence}`,
    ]),
  ];
  for (const line of table(rows)) out(line);
}

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('fleet.show', { box: required(box, 'the id of the box') });
  if (values.json) out(JSON.stringify(answer));
  else showBox(answer, out);
};

/** An empty text takes back what was said. */
const about: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag, label: text, place: text });
  const [box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('fleet.about', {
    box: required(box, 'the id of the box'),
    ...(values.label === undefined ? {} : { label: values.label || null }),
    ...(values.place === undefined ? {} : { place: values.place || null }),
  });
  if (values.json) out(JSON.stringify(answer));
  else showBox(answer, out);
};

const filtersList: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const saved = answered(check(Type.Array(SavedFilter), await asking(values.dir)('fleet.filters', {})));
  tellRows(out, values, saved, [['NAME', 'ASKS FOR'], ...saved.map(({ name, query }) => [name, query])]);
};

const save: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag, ...wish });
  const [name, ...rest] = positionals;
  noMore(rest);
  const query = buildFleetQuery(queryOf(values));
  await asking(values.dir)('fleet.save', { name: required(name, 'the name of the filter'), query });
  tellDone(out, values, { name, query }, `saved as ${name}`);
};

const forget: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [name, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('fleet.forget', { name: required(name, 'the name of the filter') });
  tellDone(out, values, { name, deleted: true }, `${name} is deleted`);
};

const commands: Record<string, Command | undefined> = {
  ...{ glance, list, show, about, save, forget },
  filters: filtersList,
  ...moreOfFleet,
};

export const fleet: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', `fleet is followed by ${Object.keys(commands).join(', ')}`);
  await command(args, io);
};
