/**
 * Ingest by shards: a session with the broker outside that hears the shards which are held now, and rounds that carry
 * their tokens. Wired once for a process that does nothing else, and for the provider's own that does it beside the rest.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { shardOf } from '#contract/topics.js';
import type { Log } from './broker/broker.js';
import type { Incoming } from './broker/gate.js';
import { upOfShard } from './broker/names.js';
import { createOutsideBroker } from './broker/outside.js';
import { createAdmitted } from './fleet/admitted.js';
import { createEventQueue } from './fleet/event-queue.js';
import { createIngest, type Ingest } from './fleet/ingest.js';
import type { FleetStore } from './store/fleet.js';
import { createHolding, type Holding } from './workers/holding.js';
import { createLeases } from './workers/leases.js';
import { openLeaseSessions } from './workers/sessions.js';

export interface IngestPartConfig {
  /** Of this worker: its certificate's, its session's, its lease's. */
  name: string;
  broker: { url: string; protocolVersion: 4 | 5 };
  /** `postgres://…`, where its leases are; the fleet's data lies there too. */
  database: string;
  leaseMilliseconds?: number | undefined;
  renewMilliseconds?: number | undefined;
}

export interface IngestCounts {
  ingest: ReturnType<Ingest['counts']>;
  holding: ReturnType<Holding['counts']>;
  shards: number;
  events: { waiting: number; dropped: number };
  /** Messages that have come and are not stored, and for how long the first of them has waited. */
  underWay: number;
  lagMilliseconds: number;
  brokerReachable: boolean;
  /** When the certificate that the broker shows ends. */
  certificateEnd: number | undefined;
}

export interface IngestPart {
  start(): void;
  /** Gives its shards back first. */
  stop(): Promise<void>;
  counts(): IngestCounts;
}

export interface IngestPartParts {
  fleet: FleetStore;
  credentials: () => Promise<{ key: string; cert: string; ca: string[] }>;
  /** Another process goes by its name, and it holds nothing any more. */
  onReplaced: () => void;
  clock: Clock;
  log: Log;
}

const usualLease = 5000;

export function createIngestPart(
  { name, broker, database, leaseMilliseconds = usualLease, renewMilliseconds }: IngestPartConfig,
  { fleet, credentials, onReplaced, clock, log }: IngestPartParts,
): IngestPart {
  const events = createEventQueue({ fleet, clock });
  const sessions = openLeaseSessions(database, leaseMilliseconds);
  const admitted = createAdmitted({ fleet, clock });
  const underWay = new Map<Promise<void>, number>();

  const ingest: Ingest = createIngest({
    ...{ fleet, events, clock, log },
    refusal: admitted.refusal,
    publish: (topic, payload) => link.publish(topic, payload, { qos: 1 }),
    fenceOf(box) {
      const shard = shardOf(box);
      const token = holding.tokenOf(shard);
      return token === undefined ? undefined : { shard, token };
    },
    onShardLost(lost) {
      holding.lost(lost.flatMap(({ shard, token }) => (holding.tokenOf(shard) === token ? [shard] : [])));
    },
  });

  /** What is another worker's by now is let go: its box sends it again, since nobody has told it that it is stored. */
  const orLetGo = (error: unknown): void => {
    if (!(error instanceof Refusal && error.code === 'shard-lost')) throw error;
  };

  async function receive(message: Incoming): Promise<void> {
    const taken = ingest.receive(message).catch(orLetGo);
    underWay.set(taken, performance.now());
    try {
      await taken;
    } finally {
      underWay.delete(taken);
    }
  }

  const link = createOutsideBroker({
    ...{ url: broker.url, protocolVersion: broker.protocolVersion, name, credentials, receive, events, clock, log },
    // Nothing waits for a worker that is gone: another hears its shards by then.
    persistent: false,
    filters: () => holding.shards().flatMap(upOfShard),
  });

  const holding: Holding = createHolding({
    ...{ leases: createLeases(sessions), name, leaseMilliseconds, onReplaced, clock, log },
    ...(renewMilliseconds !== undefined && { renewMilliseconds }),
    onTaken(shards) {
      const taken = new Set(shards);
      ingest.forget((box) => taken.has(shardOf(box)));
    },
    onChange: () => void link.follow(),
    settled: async () => void (await Promise.allSettled(underWay.keys())),
    onBuried(names) {
      for (const gone of names)
        events.record({ type: 'worker', text: `${gone} is silent: other workers take its boxes over` });
    },
  });

  return {
    start() {
      admitted.start();
      link.start();
      holding.start();
    },
    async stop() {
      await holding.stop();
      await link.stop();
      admitted.stop();
      await ingest.stop();
      await events.stop();
      await sessions.end();
    },
    counts() {
      const [oldest] = underWay.values();
      return {
        ingest: ingest.counts(),
        holding: holding.counts(),
        shards: holding.shards().length,
        events: events.counts(),
        underWay: underWay.size,
        lagMilliseconds: oldest === undefined ? 0 : performance.now() - oldest,
        brokerReachable: link.reachable(),
        certificateEnd: link.certificateEnd(),
      };
    },
  };
}
