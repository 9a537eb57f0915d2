/** `app rollout …`: how a release reaches the boxes, and what became of it on each. */

import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import type { RolloutVerb } from '#contract/rollout.js';
import type { Catalogue } from '../../publish/catalogue.js';
import { memberFolder } from '../../publish/member-folder.js';
import { choice, flag, memberPlace, noMoreThan, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';
import { sayCounts, sayRollout } from '../rollout-words.js';
import { withCatalogue } from '../territory.js';

const options = { member: text, catalogue: text, ca: text };

/** @throws Refusal `arguments-invalid` */
function releaseIn(positionals: readonly string[]): string {
  noMoreThan(1, positionals);
  const id = required(positionals[0], 'the id of the release');
  if (check(ReleaseId, id).ok) return id;
  throw new Refusal(
    'arguments-invalid',
    `${id} is no id of a release, which has 64 hex digits: see webizen app status`,
  );
}

/** Every page. */
async function resultsOf(catalogue: Catalogue, release: string) {
  const first = await catalogue.results(release);
  const boxes = [...first.boxes];
  for (let { cursor } = first; cursor !== null; ) {
    const page = await catalogue.results(release, cursor);
    boxes.push(...page.boxes);
    cursor = page.cursor;
  }
  const { cursor: _, ...rest } = first;
  return { ...rest, boxes };
}

const show: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { ...options, json: flag });
  const release = releaseIn(positionals);
  const who = memberFolder({ directory: memberPlace(values.member, env), files });
  const found = await withCatalogue(values, who, (catalogue) => resultsOf(catalogue, release));
  if (values.json) {
    out(JSON.stringify(found, null, 2));
    return true;
  }
  out(`${found.app} ${found.version}: ${found.rollout ? sayRollout(found.rollout) : 'for every box that sees it'}`);
  if (found.rollout?.boxes) {
    const { running, reached } = found.rollout.boxes;
    out(`${reached} of the ${running} boxes that were known to have the app are reached`);
  }
  out(`told by boxes: ${sayCounts(found.counts)}`);
  const rows = found.boxes.map(({ box, kind, outcome, problem, from, toldAt, agent }) => [
    ...[box, kind, outcome, from?.version ?? from?.release.slice(0, 12) ?? '-', when(toldAt), agent],
    problem ? `${problem.code}: ${problem.title}` : '',
  ]);
  if (rows.length > 0)
    for (const line of table([['BOX', 'CHANGE', 'OUTCOME', 'FROM', 'TOLD', 'AGENT', 'WHY'], ...rows])) out(line);
  return true;
};

const acting =
  (act: RolloutVerb): Command =>
  async (args, { out, env }) => {
    const { values, positionals } = readArguments(args, { ...options, reason: text });
    const release = releaseIn(positionals);
    const who = memberFolder({ directory: memberPlace(values.member, env), files });
    const view = await withCatalogue(values, who, (catalogue) => catalogue.rollout(release, act, values.reason));
    out(sayRollout(view));
    return true;
  };

const verb = (act: RolloutVerb) => async () => acting(act);

export const rollout = choice('app rollout', {
  show: async () => show,
  pause: verb('pause'),
  resume: verb('resume'),
  abort: verb('abort'),
  next: verb('next'),
  complete: verb('complete'),
});
