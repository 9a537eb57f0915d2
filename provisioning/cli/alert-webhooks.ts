/** `alert webhooks | add-webhook | test-webhook | remove-webhook` */
import { Type } from 'typebox';
import { when } from '#common/columns.js';
import { CreatedWebhook, Webhook } from '#contract/alerts.js';
import { check } from '#contract/parse.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';
import { answered, outputs, tellDone, tellRows } from './output.js';

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, ...outputs });
  noMore(positionals);
  const hooks = answered(check(Type.Array(Webhook), await asking(values.dir)('webhook.list', {})));
  tellRows(out, values, hooks, [
    ['ID', 'NAME', 'ADDRESS', 'WAITING', 'GIVEN UP', 'LAST TAKEN', 'FAILING'],
    ...hooks.map(({ id, name, url, waiting, givenUp, lastAt, failing }) => [
      ...[id, name, url, String(waiting), String(givenUp), lastAt === null ? 'never' : when(lastAt)],
      failing?.why ?? '',
    ]),
  ]);
};

const add: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag, url: text });
  const [name, ...rest] = positionals;
  noMore(rest);
  const wish = { name: required(name, 'the name of the webhook'), url: required(values.url, '--url') };
  const made = answered(check(CreatedWebhook, await asking(values.dir)('webhook.create', wish)));
  tellDone(out, values, made, made.secret);
};

const act =
  (operation: string, done: object, sentence: (id: string) => string): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, { dir: text, json: flag });
    const [id, ...rest] = positionals;
    noMore(rest);
    const webhook = required(id, 'the id of the webhook');
    await asking(values.dir)(operation, { webhook });
    tellDone(out, values, { webhook, ...done }, sentence(webhook));
  };

export const webhookCommands: Record<string, Command> = {
  webhooks: list,
  'add-webhook': add,
  'test-webhook': act('webhook.test', { taken: true }, (id) => `the webhook ${id} has taken a test`),
  'remove-webhook': act('webhook.remove', { removed: true }, (id) => `the webhook ${id} is removed`),
};
