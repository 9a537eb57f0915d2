/** `serve`: the provider, until it is told to stop. */
import { once } from 'node:events';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { parseWays } from '../admission/ways.js';
import { createProvider } from '../provider.js';
import { checkDirectory, longestLeafSeconds, readTerritory, writeTerritory } from '../territory.js';
import { duration, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import type { Command } from './command.js';

const defaultPortBase = 8440;

export const serve: Command = async (args, { out, stop, assetsDir }) => {
  const { values, positionals } = readArguments(args, {
    dir: text,
    host: text,
    'port-base': text,
    admission: text,
    'renewal-grace': text,
    enrolments: text,
  });
  noMore(positionals);
  const config = {
    assetsDir,
    directory: path.resolve(required(values.dir, '--dir')),
    host: required(values.host ?? 'localhost', '--host'),
    portBase: wholeNumber(values['port-base'] ?? String(defaultPortBase), '--port-base', [0, 65_533]),
    admission: parseWays(required(values.admission ?? 'claim', '--admission')),
    ...(values.enrolments !== undefined && {
      enrolmentsPerSecond: wholeNumber(values.enrolments, '--enrolments', [1, 1_000_000]),
    }),
  };
  if (values['renewal-grace'] !== undefined) {
    const seconds = duration(values['renewal-grace'], '--renewal-grace', [0, longestLeafSeconds]);
    await checkDirectory(config.directory);
    const territory = await readTerritory(files, config.directory);
    await writeTerritory(files, config.directory, { ...territory, renewalGraceSeconds: seconds });
  }
  const provider = createProvider(config, {
    files,
    clock: systemClock,
    log: pino({ level: 'warn' }, pino.destination(2)),
  });
  await provider.start();
  for (const [what, url] of Object.entries(provider.urls)) out(`${what} ${url}`);
  out('ready');
  if (!stop.aborted) await once(stop, 'abort');
  await provider.stop();
};
