/** `worker add`: the folder that an ingest worker runs from, on whatever machine. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import { mostWorkers, workerName } from '../broker/names.js';
import { openCa } from '../ca/ca.js';
import { checkDirectory, readTerritory } from '../territory.js';
import { writeWorkerFolder } from '../workers/folder.js';
import { duration, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import type { Command } from './command.js';

const shortestDays = 3600;
const longestDays = 825 * 86_400;

const add: Command = async (args, { out: print }) => {
  const { values, positionals } = readArguments(args, { dir: text, out: text, number: text, lifetime: text });
  noMore(positionals);
  const directory = path.resolve(required(values.dir, '--dir'));
  const out = path.resolve(required(values.out, '--out'));
  const number = wholeNumber(required(values.number, '--number'), '--number', [1, mostWorkers - 1]);
  const lifetime = duration(values.lifetime ?? '398d', '--lifetime', [shortestDays, longestDays]);

  await checkDirectory(directory);
  const { leafLifetimeSeconds, id } = await readTerritory(files, directory);
  const ca = await openCa({ files, clock: systemClock, directory, leafLifetimeSeconds });
  const name = workerName(number);
  const { key, cert } = await ca.issuePass(name, lifetime);
  await mkdir(out, { recursive: true, mode: 0o700 });
  await writeWorkerFolder(files, out, { territory: id, name, key, cert, ca: ca.trusted });
  const [leaf] = certificatesFromPem(cert);
  for (const line of [
    `${name} is in ${out}; its certificate ends ${leaf?.validTo ?? ''}`,
    'On the machine that it is for, with these files there:',
    '  webizen-provider serve --role ingest --dir DIR --broker mqtts://H:P --database postgres://…',
  ])
    print(line);
};

export const worker: Command = async ([name = '', ...args], io) => {
  if (name !== 'add') throw new Refusal('arguments-invalid', 'worker is followed by add');
  await add(args, io);
};
