/** `alliance init | territory … | maker … | url | publish | rotate`: the alliance's own desk, without a server. */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { table, when } from '#common/columns.js';
import { files } from '#common/files.js';
import { keyOfJwk } from '#common/jws.js';
import { DirectoryMaker, DirectoryTerritory, type PublicJwk } from '#contract/directory.js';
import { MemberKeys } from '#contract/member.js';
import { check, describeFaults, type Parsed, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { type Alliance, casFromPem, createAlliance, keysFile, openAlliance } from '../directory/alliance.js';
import { duration, fileText, flag, noMore, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';

const day = 86_400;
const longestSeconds = 36_600 * day;
const shortName = (value: string) => value.replaceAll('\n', ' ');

const open = (dir: string | undefined): Promise<Alliance> =>
  openAlliance({ files, clock: systemClock, directory: path.resolve(required(dir, '--dir')) });

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

/** From now, for as long as `--valid` says. */
function accreditation(valid: string | undefined) {
  const validFrom = systemClock.now();
  return { validFrom, validUntil: validFrom + duration(valid ?? '1095d', '--valid', [1, longestSeconds]) * 1000 };
}

function one(positionals: readonly string[], what: string): string {
  const [id, ...rest] = positionals;
  noMore(rest);
  return required(id, what);
}

const init: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, 'next-out': text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const nextOut = values['next-out'] === undefined ? undefined : path.resolve(values['next-out']);
  await createAlliance({ files, directory, nextOut });
  out(`boxes pin ${keysFile(directory)}`);
  out(`keep ${nextOut ?? path.join(directory, 'keys/2.key')} offline until the next rotation`);
};

/** The territory's `members/keys.json`. */
async function memberKeysIn(file: string): Promise<PublicJwk[]> {
  const parsed = parseJson(MemberKeys, await fileText(file));
  if (!parsed.ok) throw new Refusal('member-keys-invalid', describeFaults(parsed.faults));
  await Promise.all(parsed.value.map(keyOfJwk)).catch((error: unknown) => {
    throw new Refusal('member-keys-invalid', undefined, { cause: error });
  });
  return parsed.value;
}

const territoryAdd: Command = async (args, { out }) => {
  const options = {
    id: text,
    name: text,
    jurisdiction: text,
    law: text,
    provider: text,
    est: text,
    ca: text,
    'member-keys': text,
  };
  const { values, positionals } = readArguments(args, { dir: text, valid: text, ...options });
  noMore(positionals);
  const alliance = await open(values.dir);
  const entry = wanted(
    check(DirectoryTerritory, {
      id: required(values.id, '--id'),
      name: required(values.name, '--name'),
      jurisdiction: required(values.jurisdiction, '--jurisdiction'),
      law: required(values.law, '--law'),
      provider: required(values.provider, '--provider'),
      est: required(values.est, '--est'),
      ca: casFromPem(await fileText(required(values.ca, '--ca'))),
      ...(values['member-keys'] === undefined ? {} : { memberKeys: await memberKeysIn(values['member-keys']) }),
      standing: 'accredited',
      ...accreditation(values.valid),
    }),
  );
  if (!URL.canParse(entry.est)) throw new Refusal('arguments-invalid', '--est is not an address');
  await alliance.addTerritory(entry);
  out(`territory ${entry.id} is added; publish to make it known`);
};

const territoryStanding =
  (standing: 'accredited' | 'suspended'): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, { dir: text, reason: text });
    const id = one(positionals, 'the id of the territory');
    const alliance = await open(values.dir);
    await alliance.changeTerritory(id, { standing, ...(values.reason === undefined ? {} : { reason: values.reason }) });
    out(`territory ${id} is ${standing}; publish to make it known`);
  };

const territoryKeys: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, 'member-keys': text });
  const id = one(positionals, 'the id of the territory');
  const memberKeys = await memberKeysIn(required(values['member-keys'], '--member-keys'));
  await (await open(values.dir)).setMemberKeys(id, memberKeys);
  out(`territory ${id} signs for its members with ${memberKeys.length} keys; publish to make it known`);
};

const territoryRemove: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  const id = one(positionals, 'the id of the territory');
  await (await open(values.dir)).removeTerritory(id);
  out(`territory ${id} is removed; publish to make it known`);
};

const territoryList: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const { territories } = await open(values.dir);
  if (values.json) return out(JSON.stringify(territories));
  const rows = territories.map((one) => [
    one.id,
    one.standing,
    one.jurisdiction,
    when(one.validUntil),
    shortName(one.name),
  ]);
  for (const line of table([['ID', 'STANDING', 'JURISDICTION', 'UNTIL', 'NAME'], ...rows])) out(line);
};

const makerAdd: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, id: text, name: text, ca: text, valid: text });
  noMore(positionals);
  const alliance = await open(values.dir);
  const [ca, ...more] = casFromPem(await fileText(required(values.ca, '--ca')));
  if (more.length > 0) throw new Refusal('certificate-unusable', 'a maker has one certification authority');
  const entry = wanted(
    check(DirectoryMaker, {
      id: required(values.id, '--id'),
      name: required(values.name, '--name'),
      ca,
      standing: 'accredited',
      ...accreditation(values.valid),
    }),
  );
  await alliance.addMaker(entry);
  out(`maker ${entry.id} is added; publish to make it known`);
};

const makerStanding =
  (standing: 'accredited' | 'suspended'): Command =>
  async (args, { out }) => {
    const { values, positionals } = readArguments(args, { dir: text });
    const id = one(positionals, 'the id of the maker');
    await (await open(values.dir)).changeMaker(id, { standing });
    out(`maker ${id} is ${standing}; publish to make it known`);
  };

const makerList: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, json: flag });
  noMore(positionals);
  const { makers } = await open(values.dir);
  if (values.json) return out(JSON.stringify(makers));
  const rows = makers.map((one) => [one.id, one.standing, when(one.validUntil), shortName(one.name)]);
  for (const line of table([['ID', 'STANDING', 'UNTIL', 'NAME'], ...rows])) out(line);
};

const url: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  await (await open(values.dir)).setUrls(positionals);
  out(`the directory names ${positionals.length} addresses beside the territories' own; publish to make it known`);
};

const publish: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, valid: text, out: text });
  noMore(positionals);
  const file = path.resolve(required(values.out, '--out'));
  const valid = duration(values.valid ?? '30d', '--valid', [1, longestSeconds]) * 1000;
  const { jws, directory } = await (await open(values.dir)).publish(valid);
  await files.write(file, `${jws}\n`, 0o644);
  out(`directory ${directory.sequence} is in ${file}, until ${when(directory.expiresAt)}`);
};

const rotate: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, 'next-key': text, 'next-out': text });
  noMore(positionals);
  const alliance = await open(values.dir);
  const place = (file: string | undefined) => (file === undefined ? undefined : path.resolve(file));
  await alliance.rotate({ nextKeyFile: place(values['next-key']), nextOut: place(values['next-out']) });
  out(`keys of generation ${alliance.keys.generation} sign from now on; publish to make it known`);
};

const commands: Record<string, Command | undefined> = {
  init,
  'territory add': territoryAdd,
  'territory suspend': territoryStanding('suspended'),
  'territory reinstate': territoryStanding('accredited'),
  'territory keys': territoryKeys,
  'territory remove': territoryRemove,
  'territory list': territoryList,
  'maker add': makerAdd,
  'maker suspend': makerStanding('suspended'),
  'maker reinstate': makerStanding('accredited'),
  'maker list': makerList,
  url,
  publish,
  rotate,
};

export const alliance: Command = async ([first = '', ...args], io) => {
  const nested = first === 'territory' || first === 'maker';
  const name = nested ? `${first} ${args[0] ?? ''}` : first;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new Refusal('arguments-invalid', `alliance is followed by one of: ${Object.keys(commands).join(', ')}`);
  await command(nested ? args.slice(1) : args, io);
};
