/**
 * `account schedule | development | closing`: what the territory keeps of what owners pay, on which boxes nobody pays, and
 * whether months close by themselves.
 */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { DevelopmentBox, NextMonth, Schedule } from '#contract/accounts.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const scheduleHead = ['FROM', 'TERRITORY', 'ALLIANCE', 'DISCOUNTS'];
const scheduleRow = ({ from, share, alliance, discounts }: Schedule): string[] => [
  ...[from, `${share} %`, `${alliance} %`],
  discounts.map(({ level, percent }) => `level ${level}: ${percent} % of the share`).join(', '),
];

function discountOf(given: string) {
  const [level = '', percent = '', ...more] = given.split('=');
  if (percent === '' || more.length > 0) throw new Refusal('arguments-invalid', '--discount is LEVEL=PERCENT');
  return { level: wholeNumber(level, 'the level', [1, 3]), percent };
}

export const schedule: Command = async (args, { out }) => {
  const options = {
    ...{ dir: text, from: text, share: text, alliance: text, ...outputs },
    discount: { type: 'string', multiple: true },
  } as const;
  const { values, positionals } = readArguments(args, options);
  noMore(positionals);
  const { from, share, alliance, discount } = values;
  const ask = asking(values.dir);
  if ([from, share, alliance, discount].some((one) => one !== undefined))
    await ask('account.schedule', {
      from: required(from, '--from'),
      share: required(share, '--share'),
      alliance: alliance ?? '0',
      discounts: (discount ?? []).map(discountOf),
    });
  const all = answered(check(Type.Array(Schedule), await ask('account.schedule.list', {})));
  tellRows(out, values, all, [scheduleHead, ...all.map(scheduleRow)]);
};

export const development: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  const [box, state, ...rest] = positionals;
  noMore(rest);
  const ask = asking(values.dir);
  if (box !== undefined) {
    if (state !== 'on' && state !== 'off') throw new Refusal('arguments-invalid', 'behind the box stands on or off');
    await ask('account.development', { box, isFree: state === 'on' });
  }
  const all = answered(check(Type.Array(DevelopmentBox), await ask('account.development.list', {})));
  const rows = all.map((one) => [one.box, one.from, one.until ?? '']);
  tellRows(out, values, all, [['BOX', 'FROM', 'UNTIL BEFORE'], ...rows]);
};

const off = 'off';
export const closing: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs, 'after-days': text });
  noMore(positionals);
  const ask = asking(values.dir);
  const wish = values['after-days'];
  if (wish !== undefined)
    await ask('account.closing', { afterDays: wish === off ? null : wholeNumber(wish, '--after-days', [1, 60]) });
  const next = answered(check(NextMonth, await ask('account.next.show', {})));
  const how =
    next.afterDays === null
      ? 'somebody closes it'
      : next.closesAt === null
        ? 'the first month is closed by somebody, and those behind it by themselves'
        : `it closes by itself on ${when(next.closesAt)}`;
  tellDone(out, values, next, `${next.month} is closed next; ${how}`);
};
