/** What a worker counts, for `/metrics`. Labels have few values: none names a box or a shard. */
import { version } from '#common/version.js';
import { family } from './console/metrics.js';
import type { IngestCounts } from './ingest-wiring.js';

/** @param now milliseconds since 1970 @param ends of its own certificate */
export function workerMetrics(
  { ingest, holding, shards, events, underWay, lagMilliseconds, brokerReachable, certificateEnd }: IngestCounts,
  { name, territory, ends, now }: { name: string; territory: string; ends: number | undefined; now: number },
): string {
  const one = (what: string, type: 'gauge' | 'counter', help: string, value: number) =>
    family(`webizen_worker_${what}`, type, help, [[{}, value]]);
  const until = Object.entries({ worker: ends, broker: certificateEnd }).flatMap(([what, at]) =>
    at === undefined ? [] : [[{ what }, Math.round((at - now) / 1000)] as const],
  );
  return [
    family('webizen_worker_info', 'gauge', 'The worker that runs.', [[{ version, territory, name }, 1]]),
    one('shards', 'gauge', 'Shards that it owns, of 256.', shards),
    one('workers', 'gauge', 'Workers that live, as it saw them last.', holding.workers),
    family('webizen_worker_shard_moves_total', 'counter', 'Shards taken, given back and lost since the start.', [
      [{ what: 'taken' }, holding.taken],
      [{ what: 'given-back' }, holding.givenBack],
      [{ what: 'lost' }, holding.lost],
    ]),
    one('rounds_total', 'counter', 'Rounds stored since the start.', ingest.rounds),
    one('messages_total', 'counter', 'Messages stored since the start.', ingest.messages),
    one('samples_total', 'counter', 'Samples stored since the start.', ingest.samples),
    one('duplicates_total', 'counter', 'Samples that were stored already.', ingest.duplicates),
    one('queue', 'gauge', 'Messages that have come and are not stored yet.', underWay),
    one('lag_seconds', 'gauge', 'How long the first of them has waited.', lagMilliseconds / 1000),
    one('events_waiting', 'gauge', 'Events that wait for the database.', events.waiting),
    one('events_dropped_total', 'counter', 'Events that were given up, the oldest first.', events.dropped),
    one('broker_reachable', 'gauge', 'Whether there is a session with the broker.', brokerReachable ? 1 : 0),
    family('webizen_expiry_seconds', 'gauge', 'Until a certificate runs out.', until),
  ].join('');
}
