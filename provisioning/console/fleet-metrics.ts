/**
 * What `/metrics` says of the fleet, from the counts that its table keeps. Boxes choose what they call their versions and
 * conditions: only known kinds and the ten most frequent plain versions are named, whatever else there is counts as `other`.
 */
import { conditionTable } from '#contract/conditions-table.js';
import type { FleetGlance } from '#contract/fleet.js';
import type { Gauge } from './metrics.js';

const mostVersions = 10;
const plainVersion = /^\d{1,5}(\.\d{1,5}){1,3}$/;

const seriesOf = (label: string, counts: Record<string, number>): Gauge['series'] =>
  Object.entries(counts).map(([value, count]) => [{ [label]: value }, count]);

function conditionsOf({ conditions }: FleetGlance): Gauge['series'] {
  const counts = new Map<string, [Record<string, string>, number]>();
  for (const { kind: said, severity, boxes } of conditions) {
    const kind = Object.hasOwn(conditionTable, said) ? said : 'other';
    const key = `${kind} ${severity}`;
    counts.set(key, [{ kind, severity }, (counts.get(key)?.[1] ?? 0) + boxes]);
  }
  return [...counts.values()];
}

function versionsOf({ agents }: FleetGlance): Gauge['series'] {
  const named = agents.values.filter(({ value }) => plainVersion.test(value)).slice(0, mostVersions);
  const all = agents.values.reduce((sum, { boxes }) => sum + boxes, agents.others.boxes);
  const rest = all - named.reduce((sum, { boxes }) => sum + boxes, 0);
  return [...named.map(({ value, boxes }) => [{ version: value }, boxes] as const), [{ version: 'other' }, rest]];
}

export const fleetGauges = (glance: FleetGlance): Gauge[] => [
  { name: 'webizen_boxes', help: 'Boxes of the territory by state.', series: seriesOf('state', glance.states) },
  { name: 'webizen_boxes_care', help: 'Boxes by the care that they need.', series: seriesOf('care', glance.care) },
  {
    name: 'webizen_boxes_with_condition',
    help: 'Boxes that have a condition, by its kind and severity; kinds that are not known are other.',
    series: conditionsOf(glance),
  },
  {
    name: 'webizen_boxes_agent',
    help: 'Boxes in service by the version of their agent: the ten most frequent, and other.',
    series: versionsOf(glance),
  },
  {
    name: 'webizen_samples_missing',
    help: 'Samples that were taken and are not stored here: the gaps.',
    series: [[{}, glance.gaps]],
  },
];
