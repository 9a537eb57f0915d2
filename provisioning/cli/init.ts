/** `init`: a territory in a new directory. `territory.json` comes last, so that a cut run can be repeated. */
import { randomBytes } from 'node:crypto';
import { chmod, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files, isErrno, ownDirectory } from '#common/files.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { createCa } from '../ca/make.js';
import { openSigningKeys } from '../members/signing-key.js';
import { openStore } from '../store/store.js';
import {
  longestLeafSeconds,
  secretFile,
  shortestLeafSeconds,
  Territory,
  writeSecret,
  writeTerritory,
} from '../territory.js';
import { duration, noMore, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';

const ours = new Set([
  'ca',
  'members',
  'store',
  'store.new',
  'operator.secret',
  'operator.secret.new',
  'territory.json.new',
]);

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw new Refusal('directory-owner', `cannot read ${directory}`, { cause: error });
  }
}

/** @throws Refusal `directory-not-empty`, `directory-owner` */
async function prepare(directory: string): Promise<void> {
  const names = await namesIn(directory);
  const foreign = names.find((name) => !ours.has(name));
  if (foreign !== undefined) throw new Refusal('directory-not-empty', `${path.join(directory, foreign)} is there`);
  // What mkdir made with everybody's usual mode is ours to close, while nothing is in it.
  const stat = await lstat(directory).catch(() => undefined);
  if (names.length === 0 && stat?.isDirectory() && stat.uid === process.getuid?.()) await chmod(directory, 0o700);
  await ownDirectory(directory);
}

export const init: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, {
    dir: text,
    territory: text,
    name: text,
    jurisdiction: text,
    law: text,
    'leaf-lifetime': text,
    'renewal-grace': text,
    'root-out': text,
  });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const territory = check(Territory, {
    id: required(values.territory, '--territory'),
    name: required(values.name, '--name'),
    jurisdiction: required(values.jurisdiction, '--jurisdiction'),
    law: required(values.law, '--law'),
    leafLifetimeSeconds: duration(values['leaf-lifetime'] ?? '30d', '--leaf-lifetime', [
      shortestLeafSeconds,
      longestLeafSeconds,
    ]),
    ...(values['renewal-grace'] === undefined
      ? {}
      : { renewalGraceSeconds: duration(values['renewal-grace'], '--renewal-grace', [0, longestLeafSeconds]) }),
  });
  if (!territory.ok) throw new Refusal('arguments-invalid', describeFaults(territory.faults));

  const rootOut = values['root-out'] === undefined ? undefined : path.resolve(values['root-out']);
  if (rootOut !== undefined && !path.relative(directory, rootOut).startsWith('..'))
    throw new Refusal('arguments-invalid', '--root-out lies in the directory that the key is to be kept out of');

  await prepare(directory);
  await createCa({ files, clock: systemClock, directory, territory: territory.value, rootOut });
  if (!(await files.read(secretFile(directory))))
    await writeSecret(files, directory, randomBytes(32).toString('base64url'));
  await openSigningKeys({ files, directory, clock: systemClock });
  await (await openStore(directory)).close();
  await writeTerritory(files, directory, territory.value);
  out(`territory ${territory.value.id} is in ${directory}`);
  if (rootOut !== undefined) out(`the key of its root is in ${rootOut}, and nowhere else`);
};
