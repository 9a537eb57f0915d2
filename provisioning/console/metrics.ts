/** `/metrics` in the Prometheus text format 0.0.4. Labels have few values: none names a box. */
import type { Clock } from '#common/clock.js';
import { version } from '#common/version.js';
import { eventKind } from '#contract/event-table.js';
import type { Claim } from '#contract/operator.js';
import type { Requests } from '../admission/requests.js';
import type { Claims } from '../claims/claims.js';
import type { EventLog } from '../fleet/events.js';
import type { FleetTable } from '../fleet/table.js';
import { fleetGauges } from './fleet-metrics.js';

export interface Metrics {
  start(): void;
  text(): Promise<string>;
  stop(): void;
}

/** One that a part elsewhere measures. */
export interface Gauge {
  name: string;
  help: string;
  /** A gauge unless said. */
  type?: 'gauge' | 'counter';
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
  'condition',
  'alert',
  'alert-undelivered',
  'store',
]);

const admissionsMilliseconds = 15_000;

type Series = readonly [labels: Record<string, string>, value: number];

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

export function family(name: string, type: 'gauge' | 'counter', help: string, series: readonly Series[]): string {
  const lines = series.map(([labels, value]) => {
    const inside = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}

const byState = <S extends string>(states: readonly S[], found: Iterable<S>): Series[] => {
  const counts = new Map<S, number>(states.map((state) => [state, 0]));
  for (const state of found) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => [{ state }, count]);
};

const told = ({ name, help, type = 'gauge', series }: Gauge): string => family(name, type, help, series);

export function createMetrics({
  table,
  claims,
  requests,
  events,
  clock,
  territory,
  gauges = () => [],
}: {
  table: Pick<FleetTable, 'glance'>;
  claims: Claims;
  requests: Requests;
  events: EventLog;
  clock: Clock;
  territory: string;
  gauges?: (() => Gauge[]) | undefined;
}): Metrics {
  const counted = new Map<string, number>();
  /** Of what boxes said: by kind and severity. */
  const befell = new Map<string, { labels: Record<string, string>; count: number }>();
  const ends: (() => void)[] = [];

  let counts: { at: number; handedOut: Series[]; waiting: number } | undefined;
  /** All of them are read for it, so that who asks often gets an answer of the last quarter of a minute. */
  async function admissions(): Promise<{ handedOut: Series[]; waiting: number }> {
    const now = clock.now();
    if (counts && Math.abs(now - counts.at) < admissionsMilliseconds) return counts;
    const [all, asked] = await Promise.all([claims.list(), requests.list()]);
    const handedOut = byState(
      claimStates,
      all.map(({ state }) => state),
    );
    counts = { at: now, handedOut, waiting: asked.filter(({ state }) => state === 'waiting').length };
    return counts;
  }

  return {
    start() {
      ends.push(
        events.subscribe(({ type, said }) => {
          const label = eventTypes.has(type) ? type : 'other';
          counted.set(label, (counted.get(label) ?? 0) + 1);
          if (!said) return;
          const labels = { type: eventKind(said.type) ? said.type : 'other', severity: said.severity };
          const key = `${labels.type} ${labels.severity}`;
          befell.set(key, { labels, count: (befell.get(key)?.count ?? 0) + (said.count ?? 1) });
        }),
      );
    },
    async text() {
      const [glance, { handedOut, waiting }] = await Promise.all([table.glance(), admissions()]);
      const memory = process.memoryUsage();
      const cpu = process.cpuUsage();
      const started = clock.now() / 1000 - process.uptime();
      return [
        family('webizen_provider_info', 'gauge', 'The provider that runs.', [[{ version, territory }, 1]]),
        ...fleetGauges(glance).map(told),
        family('webizen_admission_requests', 'gauge', 'Boxes that wait for an operator to admit them.', [
          [{}, waiting],
        ]),
        family('webizen_claims', 'gauge', 'Claim codes by state.', handedOut),
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
        family(
          'webizen_box_events_total',
          'counter',
          'What befell boxes, as they told since the start, by type and severity; repeats that were told together are counted.',
          [...befell.values()].map(({ labels, count }) => [labels, count]),
        ),
        ...gauges().map(told),
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
