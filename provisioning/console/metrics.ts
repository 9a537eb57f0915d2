/** `/metrics` in the Prometheus text format 0.0.4. Labels have few values: none names a box. */
import type { Clock } from '#common/clock.js';
import { version } from '#common/version.js';
import type { BoxState, Claim } from '#contract/operator.js';
import type { Requests } from '../admission/requests.js';
import type { Claims } from '../claims/claims.js';
import type { EventLog } from '../fleet/events.js';
import type { Fleet } from '../fleet/fleet.js';

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
  type?: 'counter';
  series: readonly Series[];
}

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

const boxStates: readonly BoxState[] = ['enrolled', 'online', 'offline', 'revoked', 'left'];
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
const pageSize = 1000;

type Series = readonly [labels: Record<string, string>, value: number];

const escaped = (text: string): string => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

function family(name: string, type: 'gauge' | 'counter', help: string, series: readonly Series[]): string {
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

export function createMetrics({
  fleet,
  claims,
  requests,
  events,
  clock,
  territory,
  gauges = () => [],
}: {
  fleet: Fleet;
  claims: Claims;
  requests: Requests;
  events: EventLog;
  clock: Clock;
  territory: string;
  gauges?: (() => Gauge[]) | undefined;
}): Metrics {
  const counted = new Map<string, number>();
  const ends: (() => void)[] = [];

  async function boxes(): Promise<{ states: BoxState[]; gaps: number }> {
    const states: BoxState[] = [];
    let gaps = 0;
    for (let after: string | undefined, more = true; more; ) {
      const page = await fleet.list({ after, limit: pageSize });
      for (const box of page) {
        states.push(box.state);
        gaps += box.gaps;
      }
      after = page.at(-1)?.id;
      more = page.length === pageSize;
    }
    return { states, gaps };
  }

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
      const [{ states, gaps }, handedOut, asked] = await Promise.all([boxes(), claims.list(), requests.list()]);
      const memory = process.memoryUsage();
      const cpu = process.cpuUsage();
      const started = clock.now() / 1000 - process.uptime();
      return [
        family('webizen_provider_info', 'gauge', 'The provider that runs.', [[{ version, territory }, 1]]),
        family('webizen_boxes', 'gauge', 'Boxes of the territory by state.', byState(boxStates, states)),
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
        ...gauges().map(({ name, help, type, series }) => family(name, type ?? 'gauge', help, series)),
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
