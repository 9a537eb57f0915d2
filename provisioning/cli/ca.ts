/** `ca roll issuing | root` and `ca show`. The files are changed here; a provider that runs is told to read them again. */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { table, when } from '#common/columns.js';
import { callControl } from '#common/control.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { readGenerations } from '../ca/generations.js';
import { rollIssuing, rollRoot } from '../ca/make.js';
import { checkDirectory, controlSocket, readTerritory } from '../territory.js';
import { flag, noMore, readArguments, required, text } from './arguments.js';
import type { Command } from './command.js';

async function tellServer(directory: string): Promise<boolean> {
  try {
    await callControl(controlSocket(directory), 'ca.reload');
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not-running') return false;
    throw error;
  }
}

const roll: Command = async (args, { out }) => {
  const options = { dir: text, 'root-key': text, 'root-out': text, again: flag };
  const { values, positionals } = readArguments(args, options);
  const [kind, ...rest] = positionals;
  noMore(rest);
  const directory = path.resolve(required(values.dir, '--dir'));
  await checkDirectory(directory);
  const territory = await readTerritory(files, directory);
  const place = (file: string | undefined) => (file === undefined ? undefined : path.resolve(file));
  const wish = {
    ...{ files, clock: systemClock, directory, territory, again: values.again ?? false },
    rootKey: place(values['root-key']),
  };
  if (kind === 'issuing') out(`issuing CA ${await rollIssuing(wish)} signs from now on`);
  else if (kind === 'root')
    out(`root ${await rollRoot({ ...wish, rootOut: place(values['root-out']) })} and an issuing CA under it are made`);
  else throw new Refusal('arguments-invalid', 'ca roll is followed by issuing or root');
  out((await tellServer(directory)) ? 'the provider that runs uses it' : 'no provider runs: the next start uses it');
};

const show: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  await checkDirectory(directory);
  const { roots, issuing } = await readGenerations(files, directory);
  const rows = [...roots.map((one) => ['root', one] as const), ...issuing.map((one) => ['issuing', one] as const)].map(
    ([kind, { number, certificate }]) => [
      `${kind} ${number}`,
      when(Date.parse(certificate.validTo)),
      certificate.fingerprint256,
    ],
  );
  for (const line of table([['CA', 'VALID UNTIL', 'SHA-256'], ...rows])) out(line);
};

const commands: Record<string, Command | undefined> = { roll, show };

export const ca: Command = async ([name = '', ...args], io) => {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new Refusal('arguments-invalid', 'ca is followed by roll or show');
  await command(args, io);
};
