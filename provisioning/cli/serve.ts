/** `serve`: the provider, until it is told to stop. */
import { once } from 'node:events';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { parseWays } from '../admission/ways.js';
import { checkBrokerUrl } from '../broker/outside.js';
import type { OutsideConfig } from '../brokers.js';
import { createProvider } from '../provider.js';
import type { Control } from '../store/control/control.js';
import { checkDirectory, longestLeafSeconds, readTerritory, writeTerritory } from '../territory.js';
import { duration, noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import type { Command } from './command.js';
import { databaseFrom, databaseOptions, keepOf } from './database.js';
import { isWorker, leaseOf, rolesOf, workersOf } from './roles.js';

const defaultPortBase = 8440;

function outsideOf(broker?: string, protocol?: string, helper?: string): OutsideConfig | undefined {
  if (broker === undefined) {
    if ((protocol ?? helper) === undefined) return undefined;
    throw new Refusal('arguments-invalid', '--broker-protocol and --broker-helper go with --broker');
  }
  if (helper !== undefined && !/^https:\/\/[^/?#@]+\/?$/.test(helper))
    throw new Refusal('arguments-invalid', '--broker-helper is an address such as https://broker.example:8446');
  const protocolVersion = wholeNumber(protocol ?? '4', '--broker-protocol', [4, 5]) === 5 ? 5 : 4;
  return { url: checkBrokerUrl(broker), protocolVersion, helper };
}

export const serve: Command = async (args, io) => {
  const roles = rolesOf(args);
  if (isWorker(roles)) return (await import('./serve-worker.js')).serveWorker(args, io);
  const { out, stop, assetsDir } = io;
  const { values, positionals } = readArguments(args, {
    dir: text,
    role: text,
    host: text,
    'port-base': text,
    admission: text,
    'renewal-grace': text,
    enrolments: text,
    ...{ broker: text, 'broker-protocol': text, 'broker-helper': text, lease: text },
    ...databaseOptions,
  });
  noMore(positionals);
  const outside = outsideOf(values.broker, values['broker-protocol'], values['broker-helper']);
  const database = await databaseFrom(values);
  const config = {
    outside,
    database,
    workers: workersOf(values, roles, database),
    keep: keepOf(values),
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
  const parts = { files, clock: systemClock, log: pino({ level: 'warn' }, pino.destination(2)) };
  const run = async (records?: Control): Promise<void> => {
    const provider = createProvider({ ...config, records }, parts);
    await provider.start();
    for (const [what, url] of Object.entries(provider.urls)) out(`${what} ${url}`);
    out('ready');
    if (!stop.aborted) await Promise.race([once(stop, 'abort'), ...(records ? [records.lost] : [])]);
    await provider.stop();
  };
  if (!database) return run();
  const { serveRecords } = await import('./serve-records.js');
  await serveRecords(
    { ...config, url: database.url, leaseMilliseconds: leaseOf(values.lease) },
    { ...parts, ...io },
    run,
  );
};
