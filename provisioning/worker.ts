/** An ingest worker as a value: a folder of its own, the broker outside and the fleet's database, and no level store. */
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import type { Log } from './broker/broker.js';
import { metricsType } from './console/metrics.js';
import { createIngestPart, type IngestPartConfig } from './ingest-wiring.js';
import { openPostgresFleet } from './store/postgres/fleet.js';
import { workerMetrics } from './worker-metrics.js';
import { openWorkerFolder } from './workers/folder.js';
import { createMetricsPage } from './workers/metrics.js';

export interface WorkerConfig extends Omit<IngestPartConfig, 'name'> {
  /** That `worker add` made. */
  directory: string;
  /** Where `/metrics` listens; nowhere when the port is undefined. */
  host: string;
  metricsPort?: number | undefined;
}

export interface IngestWorker {
  /** @throws Refusal `worker-missing`, `config-invalid`, and those of `openPostgresFleet` and `listen` */
  start(): Promise<void>;
  /** Harmless when stopped already. */
  stop(): Promise<void>;
  /** Complete after `start`. */
  readonly urls: { metrics: string };
  /** Never resolves. @throws Refusal `worker-replaced` */
  readonly replaced: Promise<never>;
}

export function createWorker(
  { directory, host, metricsPort, ...config }: WorkerConfig,
  { files, clock, log }: { files: Files; clock: Clock; log: Log },
): IngestWorker {
  const started: (() => Promise<void>)[] = [];
  const urls = { metrics: '' };
  let onReplaced = () => {};
  const replaced = new Promise<never>((_, reject) => {
    onReplaced = () => reject(new Refusal('worker-replaced', directory));
  });
  replaced.catch(() => {}); // told to whoever waits for it

  async function stop(): Promise<void> {
    for (let end = started.pop(); end; end = started.pop()) await end();
  }

  async function startParts(): Promise<void> {
    const { name, territory, credentials } = await openWorkerFolder(files, directory);
    const fleet = await openPostgresFleet({ url: config.database, territory, clock });
    started.push(() => fleet.close());
    let ends: number | undefined;
    const part = createIngestPart(
      { ...config, name },
      {
        ...{ fleet, onReplaced, clock, log },
        async credentials() {
          const found = await credentials();
          ends = Date.parse(certificatesFromPem(found.cert)[0]?.validTo ?? '');
          return found;
        },
      },
    );
    part.start();
    started.push(() => part.stop());
    if (metricsPort === undefined) return;
    const text = () => workerMetrics(part.counts(), { name, territory, ends, now: clock.now() });
    const page = createMetricsPage(text, metricsType);
    const port = await page.start(host, metricsPort);
    started.push(() => page.stop());
    urls.metrics = `http://${host}:${port}/metrics`;
  }

  return {
    urls,
    replaced,
    async start() {
      try {
        await startParts();
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}
