/** `app offer`: a release is offered to the boxes that the member is linked with, or not any more. */
import { files } from '#common/files.js';
import { OfferMessage } from '#contract/links.js';
import { compareVersions, ReleasedAppId } from '#contract/manifest.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import { createCatalogue } from '../../publish/catalogue.js';
import type { Https } from '../../publish/https.js';
import { createLinks } from '../../publish/links.js';
import { memberFolder } from '../../publish/member-folder.js';
import type { Prove } from '../../publish/proved.js';
import { flag, memberPlace, noMoreThan, readArguments, required, text, texts } from '../arguments.js';
import type { Command } from '../command.js';
import { linkIds } from '../link.js';
import { withMember } from '../territory.js';

/** A release, or the newest that is published of an app. @throws Refusal `app-unpublished`, `arguments-invalid` */
async function releaseIn(named: string, proven: { https: Https; prove: Prove }): Promise<string> {
  if (check(ReleaseId, named).ok) return named;
  if (!check(ReleasedAppId, named).ok)
    throw new Refusal('arguments-invalid', `${named} is neither a release nor an app: see webizen app status`);
  const releases = (await createCatalogue(proven).app(named))?.releases ?? [];
  const [newest] = releases
    .filter(({ state, channel = 'stable' }) => state === 'published' && channel === 'stable')
    .sort((a, b) => compareVersions(b.version, a.version));
  if (!newest) throw new Refusal('app-unpublished', named);
  return newest.id;
}

function daysIn(given: string | undefined): { days?: number } {
  if (given === undefined) return {};
  if (!/^[1-9]\d?$/.test(given) || Number(given) > 90) throw new Refusal('arguments-invalid', '--days is 1 to 90');
  return { days: Number(given) };
}

export const offer: Command = async (args, { out, tell, env }) => {
  const { values, positionals } = readArguments(args, {
    ...{ link: texts, all: flag, message: text, days: text, withdraw: flag },
    ...{ member: text, catalogue: text, ca: text },
  });
  noMoreThan(1, positionals);
  const named = required(positionals[0], 'the release, or the app');
  const { link = [], all = false, message } = values;
  if (all === link.length > 0) throw new Refusal('arguments-invalid', 'either --all, or --link with the id of each');
  if (message !== undefined && !check(OfferMessage, message).ok)
    throw new Refusal('arguments-invalid', '--message has 1 to 280 characters');
  if (values.withdraw && (message !== undefined || values.days !== undefined))
    throw new Refusal('arguments-invalid', 'what is withdrawn has no --message and no --days');
  const links = all ? ('all' as const) : linkIds(link);
  const days = daysIn(values.days);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const { done, refused } = await withMember(values, folder, async (proven) => {
    const release = await releaseIn(named, proven);
    const desk = createLinks(proven);
    if (values.withdraw) return desk.withdraw(release, { links });
    return desk.offer({ release, links, ...days, ...(message === undefined ? {} : { message }) });
  });
  const what = values.withdraw ? 'withdrawn from' : 'offered over';
  out(`${what} ${done.length} ${done.length === 1 ? 'link' : 'links'}`);
  for (const { link: id, code, detail } of refused) tell(`${id}: ${code}: ${detail}`);
  return refused.length === 0;
};
