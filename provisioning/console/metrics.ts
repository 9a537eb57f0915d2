/** `/metrics` in the Prometheus text format 0.0.4. Labels have few values: none names a box. */
import type { Clock } from '#common/clock.js';
import { version } from '#common/version.js';
import type { Claim } from '#contract/operator.js';
import type { Requests } from '../admission/requests.js';
import type { Claims } from '../claims/claims.js';
import type { EventLog } from '../fleet/events.js';
import type { FleetTable } from '../fleet/table.js';

export interface Metrics {
  start(): void;
  text(): Promise<string>;
  stop(): void;
}

/** One that a part elsewhere measures. */
export interface Gauge {
  name: string;
  help: string;
  series: readonly Series[];
}

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

const claimStates: readonly Claim['state'][] = ['open', 'used', 'expired', 'revoked'];
/** What events are counted by; a type that is not among them is counted as `other`. */
const eventTypes = new Set([
  'enrolled',
  'renewed',
  'online',
  'offline',
  'health',
  'refused',
  'revoked',
  'reinstated',
  'superseded',
  'cloned-box',
  'settled',
  'leaving',
  'left',
  'gap',
  'event',
  'claim-created',
  'claim-revoked',
  'admission-asked',
  'admission-approved',
  'admission-refused',
]);

type Series = readonly [labels: Record<string, string>, value: number];

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

export function family(name: string, type: 'gauge' | 'counter', help: string, series: readonly Series[]): string {
  const lines = series.map(([labels, value]) => {
    const inside = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}

const seriesOf = (label: string, counts: Record<string, number>): Series[] =>
  Object.entries(counts).map(([value, count]) => [{ [label]: value }, count]);

const byState = <S extends string>(states: readonly S[], found: Iterable<S>): Series[] => {
  const counts = new Map<S, number>(states.map((state) => [state, 0]));
  for (const state of found) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => [{ state }, count]);
};

export function createMetrics({
  table,
  claims,
  requests,
  events,
  clock,
  territory,
  gauges = () => [],
}: {
  table: Pick<FleetTable, 'counts'>;
  claims: Claims;
  requests: Requests;
  events: EventLog;
  clock: Clock;
  territory: string;
  gauges?: (() => Gauge[]) | undefined;
}): Metrics {
  const counted = new Map<string, number>();
  const ends: (() => void)[] = [];

  return {
    start() {
      ends.push(
        events.subscribe(({ type }) => {
          const label = eventTypes.has(type) ? type : 'other';
          counted.set(label, (counted.get(label) ?? 0) + 1);
        }),
      );
    },
    async text() {
      const [{ states, care, gaps }, handedOut, asked] = await Promise.all([
        table.counts(),
        claims.list(),
        requests.list(),
      ]);
      const memory = process.memoryUsage();
      const cpu = process.cpuUsage();
      const started = clock.now() / 1000 - process.uptime();
      return [
        family('webizen_provider_info', 'gauge', 'The provider that runs.', [[{ version, territory }, 1]]),
        family('webizen_boxes', 'gauge', 'Boxes of the territory by state.', seriesOf('state', states)),
        family('webizen_boxes_care', 'gauge', 'Boxes by the care that they need.', seriesOf('care', care)),
        family('webizen_samples_missing', 'gauge', 'Samples that were taken and are not stored here: the gaps.', [
          [{}, gaps],
        ]),
        family('webizen_admission_requests', 'gauge', 'Boxes that wait for an operator to admit them.', [
          [{}, asked.filter(({ state }) => state === 'waiting').length],
        ]),
        family(
          'webizen_claims',
          'gauge',
          'Claim codes by state.',
          byState(
            claimStates,
            handedOut.map(({ state }) => state),
          ),
        ),
        family(
          'webizen_refusals_total',
          'counter',
          'Refusals since the start by code.',
          [...events.refusals].map(([code, count]) => [{ code }, count]),
        ),
        family(
          'webizen_events_total',
          'counter',
          'Events since the start by type.',
          [...counted].map(([type, count]) => [{ type }, count]),
        ),
        ...gauges().map(({ name, help, series }) => family(name, 'gauge', help, series)),
        family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [[{}, memory.rss]]),
        family('nodejs_heap_used_bytes', 'gauge', 'Heap in use.', [[{}, memory.heapUsed]]),
        family('process_cpu_seconds_total', 'counter', 'CPU time, user and system.', [
          [{}, (cpu.user + cpu.system) / 1e6],
        ]),
        family('process_start_time_seconds', 'gauge', 'When the process started, since 1970.', [[{}, started]]),
      ].join('');
    },
    stop() {
      for (const end of ends.splice(0)) end();
    },
  };
}
