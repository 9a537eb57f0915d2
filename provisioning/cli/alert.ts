/** `alert list | show | acknowledge`, and those of alert-silences.ts, alert-rules.ts and alert-webhooks.ts. */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { Alert, AlertGroup } from '#contract/alerts.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { mailCommands } from './alert-mail.js';
import { ruleCommands } from './alert-rules.js';
import { silenceCommands } from './alert-silences.js';
import { webhookCommands } from './alert-webhooks.js';
import { duration, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const pageSize = 500;
export const longestSilence = 90 * 86_400;
/** Who says it: over the socket of this machine nobody signs in. */
export const someone = 'command-line';

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const groups = answered(check(Type.Array(AlertGroup), await asking(values.dir)('alert.list', {})));
  tellRows(out, values, groups, [
    ['RULE', 'NAME', 'SEVERITY', 'ON', 'FIRING', 'PENDING', 'ACKNOWLEDGED', 'SILENCED'],
    ...groups.map(({ rule, firing, pending, acknowledged, silenced }) => [
      ...[rule.id, rule.name, rule.severity, rule.enabled ? 'on' : 'off'],
      ...[firing, pending, acknowledged, silenced].map(String),
    ]),
  ]);
};

const seenTo = ({ acknowledged, silenced }: Alert): string =>
  [acknowledged && `acknowledged by ${acknowledged.by}`, silenced && 'silenced'].filter(Boolean).join(', ');

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  const [rule, ...rest] = positionals;
  noMore(rest);
  const ask = asking(values.dir);
  const alerts: Alert[] = [];
  for (let after: string | undefined; ; ) {
    const wish = { rule: required(rule, 'the id of the rule'), limit: pageSize, ...(after !== undefined && { after }) };
    const page = answered(check(Type.Array(Alert), await ask('alert.show', wish)));
    alerts.push(...page);
    after = page.at(-1)?.box ?? undefined;
    if (page.length < pageSize || after === undefined) break;
  }
  tellRows(out, values, alerts, [
    ['BOX', 'LABEL', 'PLACE', 'STATE', 'SINCE', 'SEEN TO', 'EVIDENCE'],
    ...alerts.map((alert) => [
      ...[alert.box ?? '(territory)', alert.label, alert.place, alert.state, when(alert.since)],
      ...[seenTo(alert), alert.evidence],
    ]),
  ]);
};

const acknowledge: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    dir: text,
    note: text,
    for: text,
    by: text,
    json: outputs.json,
  });
  const [rule, box, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('alert.acknowledge', {
    ...{ rule: required(rule, 'the id of the rule'), note: values.note ?? '', by: values.by ?? someone },
    ...(box !== undefined && { box }),
    ...(values.for !== undefined && { forSeconds: duration(values.for, '--for', [60, longestSilence]) }),
  });
  const { acknowledged } = answered(check(Type.Object({ acknowledged: Type.Integer() }), answer));
  const boxes = acknowledged === 1 ? 'one alert is' : `${acknowledged} alerts are`;
  tellDone(out, values, { rule, acknowledged }, `${boxes} acknowledged`);
};

const commands: Record<string, Command | undefined> = {
  ...{ list, show, acknowledge },
  ...silenceCommands,
  ...ruleCommands,
  ...webhookCommands,
  ...mailCommands,
};

export const alert: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', `alert is followed by ${Object.keys(commands).join(', ')}`);
  await command(args, io);
};
