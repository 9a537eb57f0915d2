/** `alert rules | add-rule | set-rule | remove-rule` */
import { Type } from 'typebox';
import { AlertRule, type AlertWhen, NewAlertRule } from '#contract/alerts.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { duration, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const texts = { type: 'string', multiple: true } as const;
const day = 86_400;
const options = {
  ...{ dir: text, json: flag, name: text, when: text, condition: texts, least: text, within: text, count: text },
  ...{ samples: text, severity: text, for: text, clear: text, place: text, model: text, 'label-prefix': text },
  ...{ webhook: texts, 'all-webhooks': flag, 'no-webhook': flag, mail: flag, 'no-mail': flag, on: flag, off: flag },
} as const;
const read = (args: string[]) => readArguments(args, options);
type Said = ReturnType<typeof read>['values'];

/** What holds for as long as the kind stays; another kind is said whole. @throws Refusal `arguments-invalid` */
function whenOf(said: Said, before: AlertWhen | undefined): unknown {
  const kind = said.when ?? before?.kind;
  const same = before?.kind === kind ? before : { kind };
  const seconds = (most: number) => said.within && { withinSeconds: duration(said.within, '--within', [1, most]) };
  const number = (value: string, name: string) => wholeNumber(value, name, [1, 999_999_999]);
  return {
    ...same,
    ...(said.condition && { conditions: said.condition }),
    ...(said.least && { severity: said.least }),
    ...seconds(366 * day),
    ...(said.count && { count: number(said.count, '--count') }),
    ...(said.samples && { samples: number(said.samples, '--samples') }),
  };
}

/** @throws Refusal `arguments-invalid` */
function ruleOf(said: Said, before?: AlertRule): NewAlertRule {
  if (said.on && said.off) throw new Refusal('arguments-invalid', 'it is --on or --off');
  const { place, model, 'label-prefix': labelPrefix } = said;
  const seconds = (value: string | undefined, name: string, most: number, usual: number) =>
    value === undefined ? usual : duration(value, name, [0, most]);
  // An empty text takes back what was said.
  const scope = Object.entries({
    ...before?.scope,
    ...(place !== undefined && { place }),
    ...(model !== undefined && { model }),
    ...(labelPrefix !== undefined && { labelPrefix }),
  });
  const named = said['all-webhooks'] ? undefined : said['no-webhook'] ? [] : (said.webhook ?? before?.webhooks);
  const mail = said.mail ? true : said['no-mail'] ? false : before?.mail;
  const wish = check(NewAlertRule, {
    name: said.name ?? before?.name,
    when: whenOf(said, before?.when),
    severity: said.severity ?? before?.severity ?? 'attention',
    forSeconds: seconds(said.for, '--for', 30 * day, before?.forSeconds ?? 0),
    clearSeconds: seconds(said.clear, '--clear', day, before?.clearSeconds ?? 300),
    scope: Object.fromEntries(scope.filter(([, value]) => value !== '')),
    ...(named && { webhooks: named }),
    ...(mail !== undefined && { mail }),
    enabled: said.on ? true : said.off ? false : (before?.enabled ?? true),
  });
  if (wish.ok) return wish.value;
  throw new Refusal('arguments-invalid', describeFaults(wish.faults));
}

const kindOf = ({ when }: AlertRule): string => {
  switch (when.kind) {
    case 'condition':
      return `condition ${when.conditions?.join(' ') ?? 'any'}${when.severity ? `, ${when.severity} or worse` : ''}`;
    case 'certificate':
      return `certificate within ${when.withinSeconds} s`;
    case 'gaps':
      return `gaps, ${when.samples} samples`;
    case 'refusals':
      return `refusals, ${when.count} within ${when.withinSeconds} s`;
    default:
      return when.kind;
  }
};

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const rules = answered(check(Type.Array(AlertRule), await asking(values.dir)('alert-rule.list', {})));
  tellRows(out, values, rules, [
    ['ID', 'NAME', 'ON', 'SEVERITY', 'FOR', 'WHEN', 'WHERE', 'WEBHOOKS'],
    ...rules.map((rule) => [
      ...[rule.id, rule.name, rule.enabled ? 'on' : 'off', rule.severity, `${rule.forSeconds} s`, kindOf(rule)],
      ...[Object.values(rule.scope).join(', ') || 'everywhere', rule.webhooks?.join(' ') ?? 'all'],
    ]),
  ]);
};

const add: Command = async (args, { out }) => {
  const { values, positionals } = read(args);
  noMore(positionals);
  required(values.name, '--name');
  required(values.when, '--when');
  const made = answered(check(AlertRule, await asking(values.dir)('alert-rule.create', ruleOf(values))));
  tellDone(out, values, made, `${made.id}: ${made.name}`);
};

const set: Command = async (args, { out }) => {
  const { values, positionals } = read(args);
  const [rule, ...rest] = positionals;
  noMore(rest);
  const ask = asking(values.dir);
  const rules = answered(check(Type.Array(AlertRule), await ask('alert-rule.list', {})));
  const before = rules.find(({ id }) => id === required(rule, 'the id of the rule'));
  if (!before) throw new Refusal('alert-rule-unknown', rule);
  const now = answered(check(AlertRule, await ask('alert-rule.set', { rule, wish: ruleOf(values, before) })));
  tellDone(out, values, now, `${now.id}: ${now.name} is ${now.enabled ? 'on' : 'off'}, ${kindOf(now)}`);
};

const remove: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [rule, ...rest] = positionals;
  noMore(rest);
  await asking(values.dir)('alert-rule.remove', { rule: required(rule, 'the id of the rule') });
  tellDone(out, values, { rule, removed: true }, `the rule ${rule} is removed`);
};

export const ruleCommands: Record<string, Command> = {
  rules: list,
  'add-rule': add,
  'set-rule': set,
  'remove-rule': remove,
};
