/** `app withdraw`: no box installs the release any more. */
import { files } from '#common/files.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import { memberFolder } from '../../publish/member-folder.js';
import { memberPlace, noMoreThan, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';
import { withCatalogue } from '../territory.js';

export const withdraw: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { reason: text, member: text, catalogue: text, ca: text });
  noMoreThan(1, positionals);
  const id = required(positionals[0], 'the id of the release');
  if (!check(ReleaseId, id).ok)
    throw new Refusal(
      'arguments-invalid',
      `${id} is no id of a release, which has 64 hex digits: see webizen app status`,
    );
  const reason = required(values.reason, '--reason');
  const who = memberFolder({ directory: memberPlace(values.member, env), files });
  await withCatalogue(values, who, (catalogue) => catalogue.withdraw(id, reason));
  out(`release ${id} is withdrawn`);
  return true;
};
