/** `app status`: the releases of an app at the catalogue, how they reach the boxes, and what these told. */

import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { soundManifest } from '../../publish/manifest-file.js';
import { memberFolder } from '../../publish/member-folder.js';
import { flag, memberPlace, noMoreThan, readArguments, text } from '../arguments.js';
import type { Command } from '../command.js';
import { sayCounts, sayRollout } from '../rollout-words.js';
import { withCatalogue } from '../territory.js';

export const status: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { member: text, catalogue: text, ca: text, json: flag });
  noMoreThan(1, positionals);
  const [named = '.'] = positionals;
  const id = check(ReleasedAppId, named).ok ? named : (await soundManifest(named)).id;
  const who = memberFolder({ directory: memberPlace(values.member, env), files });
  const app = await withCatalogue(values, who, (catalogue) => catalogue.app(id));
  if (!app) throw new Refusal('app-unpublished', id);
  if (values.json) {
    out(JSON.stringify(app, null, 2));
    return true;
  }
  out(`${app.app}, of ${app.owner}`);
  const rows = app.releases.map((one) => [
    one.version,
    one.private ? `${one.state}, private` : one.state,
    when(one.publishedAt),
    one.id,
    one.reason ?? '',
  ]);
  for (const line of table([['VERSION', 'STATE', 'PUBLISHED', 'RELEASE', 'REASON'], ...rows])) out(line);
  for (const { version, rollout, results } of app.releases) {
    if (rollout) out(`${version}, rollout: ${sayRollout(rollout)}`);
    if (results && Object.keys(results.outcomes).length > 0) out(`${version}, told by boxes: ${sayCounts(results)}`);
  }
  return true;
};
