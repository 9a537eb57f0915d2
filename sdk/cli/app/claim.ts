/** `app claim`: a domain is the member's, by a record that they publish below it. */
import { files } from '#common/files.js';
import { Domain } from '#contract/domain-claim.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { memberFolder } from '../../publish/member-folder.js';
import { flag, memberPlace, noMoreThan, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';
import { withCatalogue } from '../territory.js';

export const claim: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { json: flag, member: text, catalogue: text, ca: text });
  noMoreThan(1, positionals);
  const domain = required(positionals[0], 'the domain').toLowerCase();
  if (!check(Domain, domain).ok)
    throw new Refusal('arguments-invalid', `${domain} is no domain such as example.com.au, of 56 characters at most`);
  const who = memberFolder({ directory: memberPlace(values.member, env), files });
  const proof = await withCatalogue(values, who, (catalogue) => catalogue.claim(domain));
  if (values.json) out(JSON.stringify(proof));
  else if (proof.proved) out(`${domain} is proved: ${proof.ids} is yours`);
  else {
    out(`the record was not found; publish it with whoever keeps the names of ${domain}, and run this again:`);
    out(`${proof.name}. IN TXT "${proof.value}"`);
  }
  return proof.proved;
};
