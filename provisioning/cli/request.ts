/** `request list | approve | refuse` */
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { AdmissionRequest } from '#contract/operator.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';
import { tellDone } from './output.js';

const { id, code, state, lastAt, address, factory, claimLabel, box } = AdmissionRequest.properties;
/** What every answer has; more is passed on as it came. */
const Asked = Type.Object(
  { id, code, state, lastAt, address, factory, claimLabel, box },
  { additionalProperties: true },
);

function listed(answer: unknown) {
  const parsed = check(Type.Array(Asked), answer);
  if (!parsed.ok) throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const requests = await askAll(asking(values.dir), 'request.list', listed);
  if (values.json) return out(JSON.stringify(requests));
  const rows = requests.map((one) => [
    one.code,
    one.state,
    when(one.lastAt),
    one.address,
    one.factory ? `${one.factory.maker} ${one.factory.serial}` : '-',
    one.box ?? one.claimLabel ?? '-',
  ]);
  for (const line of table([['CODE', 'STATE', 'LAST ASKED', 'FROM', 'DEVICE', 'BOX OR CLAIM'], ...rows])) out(line);
};

const approve: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [request, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('request.approve', { request: required(request, 'the code of the request') });
  const [now] = listed([answer]);
  tellDone(out, values, now ?? {}, `${now?.code} is admitted as ${now?.box}`);
};

const refuse: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, reason: text, json: flag });
  const [request, ...rest] = positionals;
  noMore(rest);
  const wish = {
    request: required(request, 'the code of the request'),
    reason: required(values.reason, '--reason'),
  };
  const answer = await asking(values.dir)('request.refuse', wish);
  const [now] = listed([answer]);
  tellDone(out, values, now ?? {}, `${now?.code} is refused`);
};

const commands: Record<string, Command | undefined> = { list, approve, refuse };

export const request: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'request is followed by list, approve or refuse');
  await command(args, io);
};
