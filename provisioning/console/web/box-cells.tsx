/** What a box is called and how it is, wherever several are listed. */
import type { BoxSummary } from '#contract/operator.js';
import { type Standing, thresholds } from './care.js';
import { percent } from './format.js';
import { Bar, Mark, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const metricOf = {
  cpu: { name: 'system.cpu.utilization', threshold: Number.POSITIVE_INFINITY },
  memory: { name: 'system.memory.utilization', threshold: thresholds.memory },
  disk: { name: 'system.filesystem.utilization', threshold: thresholds.disk },
} as const;
export type Metric = keyof typeof metricOf;

export function BoxName({ box }: { box: BoxSummary }) {
  return (
    <>
      <Link to={`/boxes/${box.id}`}>{box.id}</Link>
      {box.label !== undefined && (
        <small class="label">
          <bdi>{box.label}</bdi>
        </small>
      )}
    </>
  );
}

export function StateOf({ standing }: { standing: Standing }) {
  return (
    <>
      <Mark tone={standing.tone}>{standing.word}</Mark>
      {standing.reasons.length > 0 && <small class="reasons">{standing.reasons.join('; ')}</small>}
    </>
  );
}

export function LastSeen({ box }: { box: BoxSummary }) {
  return box.lastSeen === null ? <span class="muted">{texts.boxes.never}</span> : <When at={box.lastSeen} />;
}

export function Measure(props: { box: BoxSummary; metric: Metric }) {
  const { name, threshold } = metricOf[props.metric];
  const value = props.box.health?.values[name];
  const isGone = props.box.state === 'revoked' || props.box.state === 'left';
  if (value === undefined || isGone) return <span class="muted">{texts.claims.none}</span>;
  return (
    <span class="measure">
      {percent(value)}
      <Bar share={value} tone={value >= threshold ? 'attention' : 'unknown'} />
    </span>
  );
}
