/** `app list | show | stop | pause | resume | abort | reserve | policy` */
import { Type } from 'typebox';
import { table, when } from '#common/columns.js';
import { ReleaseState } from '#contract/catalogue.js';
import { Time } from '#contract/health.js';
import { AppIdPolicy } from '#contract/member-register.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ResultCounts, type RolloutVerb, RolloutView } from '#contract/rollout.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import { askAll, asking } from './ask.js';
import type { Command } from './command.js';

const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
/** What every answer has; more is passed on as it came. */
const Summary = Type.Object(
  { id: Type.String(), owner: Type.String(), version: NullOr(Type.String()), state: NullOr(ReleaseState) },
  { additionalProperties: true },
);
const Detail = Type.Object(
  {
    id: Type.String(),
    owner: Type.String(),
    releases: Type.Array(
      Type.Object(
        {
          ...{ id: Type.String(), version: Type.String(), channel: Type.String(), architecture: Type.String() },
          ...{ state: ReleaseState, reason: NullOr(Type.String()), publishedAt: Time, private: Type.Boolean() },
          ...{ rollout: NullOr(RolloutView), results: ResultCounts },
        },
        { additionalProperties: true },
      ),
    ),
  },
  { additionalProperties: true },
);
const Acted = Type.Object(
  { app: Type.String(), version: Type.String(), state: Type.String() },
  { additionalProperties: true },
);
const Stopped = Type.Object({ app: Type.String(), version: Type.String() }, { additionalProperties: true });

function answered<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw new Error(`cannot read the answer: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

const list: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const apps = await askAll(asking(values.dir), 'app.list', (page) => answered(check(Type.Array(Summary), page)));
  if (values.json) return out(JSON.stringify(apps));
  const rows = apps.map(({ id, owner, version, state }) => [id, owner, version ?? '-', state ?? 'reserved']);
  for (const line of table([['APP', 'MEMBER', 'NEWEST', 'STATE'], ...rows])) out(line);
};

function rolloutIn(rollout: RolloutView | null): string {
  if (!rollout) return '-';
  const { state, wave, plan, percent, why } = rollout;
  return `${state}, wave ${wave} of ${plan.waves.length}, ${percent} %${why?.text ? `: ${why.text}` : ''}`;
}

const told = ({ outcomes }: ResultCounts): string =>
  Object.entries(outcomes)
    .map(([word, count]) => `${count} ${word}`)
    .join(', ') || '-';

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  const [id, ...rest] = positionals;
  noMore(rest);
  const answer = await asking(values.dir)('app.show', { app: required(id, 'the app') });
  if (values.json) return out(JSON.stringify(answer));
  const { owner, releases } = answered(check(Detail, answer));
  out(`${id} belongs to ${owner}`);
  const rows = releases.map((one) => [
    ...[one.version, one.channel, one.architecture, one.private ? 'private' : 'public'],
    ...[one.reason === null ? one.state : `${one.state}: ${one.reason}`, rolloutIn(one.rollout), told(one.results)],
    ...[when(one.publishedAt), one.id],
  ]);
  for (const line of table([
    ['VERSION', 'CHANNEL', 'FOR', 'SEEN BY', 'STATE', 'ROLLOUT', 'RESULTS', 'PUBLISHED', 'RELEASE'],
    ...rows,
  ]))
    out(line);
};

const stop: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, reason: text });
  const [release, ...rest] = positionals;
  noMore(rest);
  const wish = { release: required(release, 'the release'), reason: required(values.reason, '--reason') };
  const { app: id, version } = answered(check(Stopped, await asking(values.dir)('app.stop', wish)));
  out(`${id} ${version} is stopped for ever`);
};

const reserve: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  const [id, member, ...rest] = positionals;
  noMore(rest);
  const wish = { app: required(id, 'the app id'), member: required(member, 'the member') };
  await asking(values.dir)('app.reserve', wish);
  out(`${wish.app} is reserved for ${wish.member}`);
};

const policy: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, reason: text, 'decided-by': text });
  const [wished, ...rest] = positionals;
  noMore(rest);
  const now = (answer: unknown) => answered(check(AppIdPolicy, answer));
  const ask = asking(values.dir);
  if (wished === undefined) return out(now(await ask('app.policy', {})));
  const parsed = check(AppIdPolicy, wished);
  if (!parsed.ok) throw new Refusal('arguments-invalid', 'the policy is first or proof');
  const decided = {
    reason: required(values.reason, '--reason'),
    decidedBy: required(values['decided-by'], '--decided-by'),
  };
  out(now(await ask('app.policy', { policy: parsed.value, ...decided })));
};

const roll =
  (act: Extract<RolloutVerb, 'pause' | 'resume' | 'abort'>): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, { dir: text, reason: text });
    const [release, ...rest] = positionals;
    noMore(rest);
    const reason = act === 'resume' ? values.reason : required(values.reason, '--reason');
    const wish = { release: required(release, 'the release'), act, ...(reason === undefined ? {} : { reason }) };
    const { app: id, version, state } = answered(check(Acted, await asking(values.dir)('app.rollout', wish)));
    out(`${id} ${version}: the rollout is ${state}`);
  };

const commands: Record<string, Command | undefined> = {
  ...{ list, show, stop, reserve, policy },
  ...{ pause: roll('pause'), resume: roll('resume'), abort: roll('abort') },
};

export const app: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new Refusal('arguments-invalid', `app is followed by one of: ${Object.keys(commands).join(', ')}`);
  await command(args, io);
};
