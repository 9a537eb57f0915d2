/**
 * The control process where the fleet's data is in PostgreSQL and the broker is outside: what boxes report is stored by
 * workers, of which this process may be one, and it hears beside them who is here.
 */
import type { Clock } from '#common/clock.js';
import type { LedgerHead } from '#contract/ledger.js';
import type { ProblemCode } from '#contract/problems.js';
import type { Log } from './broker/broker.js';
import { workerName } from './broker/names.js';
import type { OutsideConfig } from './brokers.js';
import type { Ca } from './ca/ca.js';
import type { Gauge } from './console/metrics.js';
import type { DatabaseConfig } from './database-wiring.js';
import { createEcho } from './fleet/echo.js';
import type { EventLog } from './fleet/events.js';
import { createHearing, type Hearing } from './fleet/hearing.js';
import { createIngestPart, type IngestPart } from './ingest-wiring.js';
import type { FleetStore } from './store/fleet.js';

export interface ApartConfig {
  /** Whether this process is a worker too. */
  here: boolean;
  leaseMilliseconds?: number | undefined;
}

export interface Apart {
  hearing: Hearing;
  start(): void;
  /** Before the broker's side stops. */
  stop(): Promise<void>;
  gauges(): Gauge[];
}

/** Told at once by what is heard here. */
const heardHere: ReadonlySet<string> = new Set(['online', 'offline']);
/** A certificate for one session, which lasts at most as long. */
const passSeconds = 86_400;

export function createApart(
  { here, leaseMilliseconds }: ApartConfig,
  { outside, database }: { outside: OutsideConfig; database: DatabaseConfig },
  parts: {
    fleet: FleetStore;
    ca: Ca;
    events: EventLog;
    refusal: (box: string) => ProblemCode | undefined;
    onHead: (box: string, head: LedgerHead) => void;
    clock: Clock;
    log: Log;
  },
): Apart {
  const { fleet, ca, events, refusal, onHead, clock, log } = parts;
  const name = workerName(0);
  const hearing = createHearing({ fleet, events, clock, refusal, onHead });
  const echo = createEcho({ fleet, clock, tell: (event) => heardHere.has(event.type) || events.echo(event) });
  const worker: IngestPart | undefined = here
    ? createIngestPart(
        { name, broker: outside, database: database.url, leaseMilliseconds },
        {
          ...{ fleet, clock, log },
          credentials: async () => ({ ...(await ca.issuePass(name, passSeconds)), ca: [...ca.trusted] }),
          onReplaced: () => events.record({ type: 'worker', text: `another process goes by the name of ${name}` }),
        },
      )
    : undefined;
  return {
    hearing,
    start() {
      echo.start();
      worker?.start();
    },
    async stop() {
      await worker?.stop();
      await echo.stop();
    },
    gauges() {
      const counts = worker?.counts();
      if (!counts) return [];
      return [
        {
          name: 'webizen_worker_shards',
          help: 'Shards that this process owns, of 256.',
          series: [[{}, counts.shards]],
        },
        {
          name: 'webizen_worker_queue',
          help: 'Messages that have come and are not stored yet.',
          series: [[{}, counts.underWay]],
        },
      ];
    },
  };
}
