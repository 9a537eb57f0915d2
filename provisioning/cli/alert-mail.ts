/** `alert mail | set-mail | test-mail | remove-mail` */
import { when } from '#common/columns.js';
import { AlertMail, AlertMailView, NewAlertMail } from '#contract/alert-mail.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { duration, fileText, flag, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const rowsOf = (mail: AlertMail): string[][] => [
  ['server', `${mail.host}:${mail.port}, ${mail.security}`],
  ['user', mail.user === undefined ? '-' : `${mail.user}${mail.hasPassword ? ', with a password' : ''}`],
  ['from', mail.from],
  ['to', mail.to.join(' ')],
  ['at most each', `${mail.everySeconds} s`],
  ['last taken', mail.lastAt === null ? 'never' : when(mail.lastAt)],
  ['waiting', String(mail.waiting)],
  ['given up', String(mail.givenUp)],
  ['failing', mail.failing?.why ?? '-'],
];

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const answer = answered(check(AlertMailView, await asking(values.dir)('alert-mail.show', {})));
  tellRows(out, values, answer, answer.mail ? rowsOf(answer.mail) : [['no mail is sent']]);
};

const set: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ dir: text, json: flag, host: text, port: text, security: text, from: text, every: text },
    ...{ to: { type: 'string', multiple: true }, user: text, 'password-file': text, 'ca-file': text },
  });
  noMore(positionals);
  const { 'password-file': password, 'ca-file': ca } = values;
  const security = values.security ?? 'starttls';
  const wish = check(NewAlertMail, {
    ...{ host: required(values.host, '--host'), security, from: required(values.from, '--from'), to: values.to ?? [] },
    port: wholeNumber(values.port ?? (security === 'tls' ? '465' : '587'), '--port', [1, 65_535]),
    everySeconds: duration(values.every ?? '5m', '--every', [60, 86_400]),
    ...(values.user !== undefined && { user: values.user }),
    ...(password !== undefined && { password: (await fileText(password)).trim() }),
    ...(ca !== undefined && { ca: await fileText(ca) }),
  });
  if (!wish.ok) throw new Refusal('arguments-invalid', describeFaults(wish.faults));
  const now = answered(check(AlertMail, await asking(values.dir)('alert-mail.set', wish.value)));
  tellDone(out, values, now, `what fires is mailed to ${now.to.join(', ')}`);
};

const act =
  (operation: string, done: object, sentence: string): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, { dir: text, json: flag });
    noMore(positionals);
    await asking(values.dir)(operation, {});
    tellDone(out, values, done, sentence);
  };

export const mailCommands: Record<string, Command> = {
  mail: show,
  'set-mail': set,
  'test-mail': act('alert-mail.test', { taken: true }, 'the mail server has taken a test'),
  'remove-mail': act('alert-mail.remove', { removed: true }, 'no mail is sent any more'),
};
