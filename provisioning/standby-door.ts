/** Where the console will be: until then whoever asks, a person or what spreads the load, hears that another one serves. */
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { closeHttp, listen } from '#common/listen.js';
import { Refusal } from '#contract/problems.js';
import { addressesOf } from './addresses.js';
import type { Log } from './broker/broker.js';
import { openCa } from './ca/ca.js';
import { createServerCertificate } from './ca/server-certificate.js';
import type { Standing } from './store/control/control.js';
import { readTerritory } from './territory.js';

export interface Door {
  readonly url: string;
  close(): Promise<void>;
}

const limits = { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 16_384 };
const againAfterSeconds = 5;

/** @throws Refusal `port-in-use`, `address-unavailable`, `territory-missing` */
export async function openDoor({
  directory,
  host,
  portBase,
  standing,
  files,
  clock,
  log,
}: {
  directory: string;
  host: string;
  portBase: number;
  standing: () => Standing;
  files: Files;
  clock: Clock;
  log: Log;
}): Promise<Door> {
  const { hosts, bind, ports, isPlain, urlOf } = addressesOf({ host, portBase });

  const answer: RequestListener = (_request, response) => {
    const now = standing();
    const why = now.state === 'standby' ? now.why : undefined;
    const refusal = why ?? new Refusal('control-standby');
    response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': `${againAfterSeconds}` });
    response.end(JSON.stringify({ ...refusal.problem, status: 503, state: 'standby' }));
  };

  async function secure(): Promise<{ key: string; cert: string }> {
    const { leafLifetimeSeconds } = await readTerritory(files, directory);
    const ca = await openCa({ files, clock, directory, leafLifetimeSeconds });
    return (await createServerCertificate({ files, clock, directory, ca, hosts, log })).tls;
  }

  const server = isPlain ? createHttp(limits, answer) : createHttps({ ...limits, ...(await secure()) }, answer);
  const port = await listen(server, bind, ports.console);
  return {
    url: urlOf(isPlain ? 'http' : 'https', port),
    close: () => closeHttp(server),
  };
}
