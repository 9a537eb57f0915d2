/** `link CODE`, `link list`, `link end ID`: with which boxes the member is linked. */

import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { signLinkRequest } from '#common/members/link-request.js';
import { parseLinkCode } from '#contract/link-code.js';
import { LinkId, LinkNote, type MemberLink } from '#contract/links.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { createLinks } from '../publish/links.js';
import { memberFolder } from '../publish/member-folder.js';
import { flag, memberPlace, noMoreThan, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';
import { withMember } from './territory.js';

const options = { member: text, catalogue: text, ca: text } as const;

/** @throws Refusal `arguments-invalid` */
export function linkIds(given: readonly string[]): string[] {
  const wrong = given.find((id) => !check(LinkId, id).ok);
  if (wrong !== undefined) throw new Refusal('arguments-invalid', `${wrong} is no id of a link: see webizen link list`);
  return [...new Set(given)];
}

const ask: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { ...options, note: text });
  noMoreThan(1, positionals);
  const code = parseLinkCode(positionals[0] ?? '');
  if (code === undefined) throw new Refusal('link-code-malformed');
  const { note } = values;
  if (note !== undefined && !check(LinkNote, note).ok)
    throw new Refusal('arguments-invalid', '--note has 1 to 80 characters');
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const link = await withMember(values, folder, async (proven, { key, credential }) => {
    const { member, territory } = credential.credentialSubject;
    const request = await signLinkRequest({ key, code, territory, member, note, at: Date.now() });
    return createLinks(proven).ask(request);
  });
  out(`link ${link.id}`);
  out(
    link.state === 'asked'
      ? 'the owner sees now who asks, and confirms it or does not: see webizen link list'
      : `it is ${link.state}`,
  );
  return true;
};

const offersOf = ({ offers }: MemberLink): string =>
  offers.map(({ app, version, state }) => `${app} ${version} ${state}`).join(', ');

const list: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, { ...options, json: flag });
  noMoreThan(0, positionals);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  const links = await withMember(values, folder, (proven) => createLinks(proven).list());
  if (values.json) {
    out(JSON.stringify(links, null, 2));
    return true;
  }
  const rows = links.map((link) => [
    link.id,
    link.ended ? `ended by ${link.ended.by}` : link.state,
    when(link.ended?.at ?? link.since ?? link.askedAt),
    link.note ?? '',
    link.installed.map(({ app, version }) => `${app} ${version}`).join(', '),
    offersOf(link),
  ]);
  for (const line of table([['LINK', 'STATE', 'SINCE', 'NOTE', 'INSTALLED', 'OFFERED'], ...rows])) out(line);
  return true;
};

const end: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, options);
  noMoreThan(1, positionals);
  const [id = ''] = linkIds([required(positionals[0], 'the id of the link')]);
  const folder = memberFolder({ directory: memberPlace(values.member, env), files });
  await withMember(values, folder, (proven) => createLinks(proven).end(id));
  out(`link ${id} is ended`);
  return true;
};

export const link: Command = async (args, io) => {
  const [verb = '', ...rest] = args;
  if (verb === 'list') return list(rest, io);
  if (verb === 'end') return end(rest, io);
  if (verb === '') throw new Refusal('arguments-invalid', 'link is followed by a code, list or end');
  return ask(args, io);
};
