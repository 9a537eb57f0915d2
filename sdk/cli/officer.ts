/** `officer keygen | resolve | show | sign`: what officers of a territory decide about members, each with a key of their own. */
import { type KeyObject, randomBytes } from 'node:crypto';
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { readResolution, signResolution, textOf } from '#common/members/resolution.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import { CaseId, usualReviewDays } from '#contract/cases.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import {
  longestResolution,
  type PanelName,
  type Resolution,
  type ResolutionAct,
  resolutionFormat,
  resolutionSeconds,
} from '#contract/resolution.js';
import { choice, noMoreThan, oneOf, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { readText } from './territory.js';

const keygen: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { name: text, out: text });
  noMoreThan(0, positionals);
  const file = required(values.out, '--out');
  const name = required(values.name, '--name');
  const key = newPrivateKey();
  if ((await files.read(file)) !== undefined) throw new Refusal('arguments-invalid', `${file} is there already`);
  await files.write(file, keyToPem(key));
  const { x, y } = await publicJwkOf(key);
  out(JSON.stringify({ name, x, y }));
  return true;
};

const acts: Record<string, ResolutionAct> = {
  suspend: 'member.suspended',
  reinstate: 'member.reinstated',
  expel: 'member.expelled',
  succeed: 'member.succeeded',
  panel: 'panel.set',
  dismiss: 'case.dismissed',
  condition: 'case.condition',
  uphold: 'case.upheld',
  overturn: 'case.overturned',
};
/** Of the panel that reviews, and of a case alone. */
const rulings: Record<string, PanelName> = {
  ...{ dismiss: 'standing', condition: 'standing', uphold: 'review', overturn: 'review' },
};
/** What the member can ask to have reviewed. */
const reviewable = ['suspend', 'expel', 'condition'];

const resolve: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    ...{ territory: text, panel: text, member: text, successor: text, apps: text, of: text, document: text },
    ...{ reason: text, 'decided-by': text, review: text, out: text },
    ...{ case: text, 'review-days': text, condition: text },
  });
  noMoreThan(1, positionals);
  const act = oneOf(required(positionals[0], 'what is resolved'), 'what is resolved', Object.keys(acts));
  const panel = oneOf(values.panel ?? rulings[act] ?? 'standing', '--panel', ['standing', 'review'] as const);
  const facts = act === 'panel' ? await panelFacts(values) : memberFacts(act, values);
  const resolution: Resolution = {
    ...{ format: resolutionFormat, territory: required(values.territory, '--territory'), panel },
    ...{ act: acts[act] as ResolutionAct, id: randomBytes(16).toString('hex'), at: Date.now(), facts },
  };
  const written = textOf(resolution);
  if (!readResolution(written)) throw new Refusal('resolution-malformed', 'a name or a text in it has no right form');
  if (written.length > longestResolution)
    throw new Refusal(
      'arguments-invalid',
      `it has ${written.length} characters, and ${longestResolution} at most: shorten its reason`,
    );
  await files.write(required(values.out, '--out'), `${written}\n`, 0o644);
  for (const line of told(resolution)) out(line);
  return true;
};

type Given = Partial<Record<string, string | undefined>>;

async function panelFacts(values: Given): Promise<Record<string, string>> {
  const document = (await readText(required(values.document, '--document'))).trim();
  return { of: required(values.of, '--of'), document };
}

function caseFacts(act: string, values: Given): Record<string, string> {
  const id = rulings[act] === undefined ? values.case : required(values.case, '--case');
  if (id === undefined) return {};
  if (!check(CaseId, id).ok) throw new Refusal('arguments-invalid', `${id} is no id of a case`);
  return {
    case: id,
    ...(reviewable.includes(act) && { reviewDays: values['review-days'] ?? String(usualReviewDays) }),
    ...(act === 'condition' && { condition: required(values.condition, '--condition') }),
  };
}

function memberFacts(act: string, values: Given): Record<string, string> {
  const review = act === 'expel' || act === 'succeed' ? required(values.review, '--review') : values.review;
  return {
    ...caseFacts(act, values),
    member: required(values.member, '--member'),
    reason: required(values.reason, '--reason'),
    decidedBy: required(values['decided-by'], '--decided-by'),
    ...(review !== undefined && { review }),
    ...(act === 'succeed' && { successor: required(values.successor, '--successor') }),
    ...(act === 'succeed' && values.apps !== undefined && { apps: values.apps }),
  };
}

const told = ({ territory, panel, act, at, id, facts }: Resolution): string[] =>
  table([
    ...[
      ['territory', territory],
      ['panel', panel],
      ['act', act],
      ['drawn up', when(at)],
      ['id', id],
    ],
    ...Object.entries(facts),
  ]);

async function resolutionIn(file: string | undefined): Promise<Resolution> {
  const read = readResolution((await readText(required(file, 'the file of the resolution'))).trim());
  if (!read) throw new Refusal('resolution-malformed');
  return read;
}

const show: Command = async (args, { out }) => {
  const { positionals } = readArguments(args, {});
  noMoreThan(1, positionals);
  for (const line of told(await resolutionIn(positionals[0]))) out(line);
  return true;
};

async function keyIn(file: string): Promise<KeyObject> {
  const pem = await readText(file);
  try {
    return keyFromPem(pem);
  } catch (error) {
    throw new Refusal('file-unreadable', `${file}: no key`, { cause: error });
  }
}

const sign: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { key: text, out: text });
  noMoreThan(1, positionals);
  const resolution = await resolutionIn(positionals[0]);
  if (Date.now() - resolution.at > resolutionSeconds * 1000) throw new Refusal('resolution-stale');
  const key = await keyIn(required(values.key, '--key'));
  await files.write(required(values.out, '--out'), `${await signResolution(resolution, key)}\n`, 0o644);
  for (const line of told(resolution)) out(line);
  out(`signed with ${(await publicJwkOf(key)).kid}`);
  return true;
};

export const officer = choice('officer', {
  keygen: async () => keygen,
  resolve: async () => resolve,
  show: async () => show,
  sign: async () => sign,
});
