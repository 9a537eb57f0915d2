/** `standby export` and `standby import`: the territory's keys go to a machine that stands by. */
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { exportStandby, importStandby } from '../backup/standby.js';
import { checkDirectory, readTerritory } from '../territory.js';
import { noMore, readArguments, required, text } from './arguments.js';
import type { Command, Io } from './command.js';

async function carryOut(args: string[], { out }: Io): Promise<void> {
  const { values, positionals } = readArguments(args, { dir: text, out: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const file = path.resolve(required(values.out, '--out'));
  await checkDirectory(directory);
  const { id } = await readTerritory(files, directory);
  const done = await exportStandby({ directory, territory: id, clock: systemClock, file });
  out(`${file}: ${done.files} files of territory ${id}`);
  out('It holds the keys of the CA and the operator secret, not encrypted: carry it safely, and delete it then.');
}

async function bringIn(args: string[], { out }: Io): Promise<void> {
  const { values, positionals } = readArguments(args, { dir: text, from: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const from = path.resolve(required(values.from, '--from'));
  if (!(await files.read(from))) throw new Refusal('arguments-invalid', `${from} is not there`);
  const before = await readTerritory(files, directory).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'territory-missing') return undefined;
    throw error;
  });
  const done = await importStandby({ from, directory, there: before?.id, files });
  out(`${done.files} files of territory ${done.territory} are in ${directory}`);
  out('Serve there with the same --database as where the provider serves: it stands by.');
}

export const standby: Command = async ([name = '', ...args], io) => {
  if (name === 'export') return carryOut(args, io);
  if (name === 'import') return bringIn(args, io);
  throw new Refusal('arguments-invalid', 'standby is followed by export or import');
};
