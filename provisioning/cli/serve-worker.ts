/** `serve --role ingest`: a worker, until it is told to stop or another goes by its name. */
import { once } from 'node:events';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { checkBrokerUrl } from '../broker/outside.js';
import { createWorker } from '../worker.js';
import { noMore, readArguments, required, text, wholeNumber } from './arguments.js';
import type { Command } from './command.js';
import { databaseFrom } from './database.js';
import { leaseOf } from './roles.js';

export const serveWorker: Command = async (args, { out, stop }) => {
  const { values, positionals } = readArguments(args, {
    ...{ role: text, dir: text, broker: text, 'broker-protocol': text, database: text, 'database-file': text },
    ...{ lease: text, host: text, 'metrics-port': text },
  });
  noMore(positionals);
  const leaseMilliseconds = leaseOf(values.lease);
  const database = await databaseFrom(values);
  if (!database) throw new Refusal('arguments-invalid', '--database is missing');
  const port = values['metrics-port'];
  const worker = createWorker(
    {
      directory: path.resolve(required(values.dir, '--dir')),
      broker: {
        url: checkBrokerUrl(required(values.broker, '--broker')),
        protocolVersion: wholeNumber(values['broker-protocol'] ?? '4', '--broker-protocol', [4, 5]) === 5 ? 5 : 4,
      },
      database: database.url,
      leaseMilliseconds,
      renewMilliseconds: Math.round(leaseMilliseconds * 0.3),
      host: required(values.host ?? '127.0.0.1', '--host'),
      metricsPort: port === undefined ? undefined : wholeNumber(port, '--metrics-port', [0, 65_535]),
    },
    { files, clock: systemClock, log: pino({ level: 'warn' }, pino.destination(2)) },
  );
  await worker.start();
  if (worker.urls.metrics) out(`metrics ${worker.urls.metrics}`);
  out('ready');
  try {
    if (!stop.aborted) await Promise.race([once(stop, 'abort'), worker.replaced]);
  } finally {
    await worker.stop();
  }
};
