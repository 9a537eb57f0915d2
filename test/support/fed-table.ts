/** The table over the boxes that a test feeds a console with. */
import type { BoxDetail, BoxSummary } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { Abouts } from '../../provisioning/fleet/abouts.js';
import { type CareFacts, careOf } from '../../provisioning/fleet/care.js';
import { scan } from '../../provisioning/fleet/index-scan.js';
import { buildFleetCursor, parseFleetCursor, usualLimit } from '../../provisioning/fleet/pages.js';
import { type Facts, rowOf } from '../../provisioning/fleet/row.js';
import type { FleetTable } from '../../provisioning/fleet/table.js';
import { countsOf, glanceOf } from '../../provisioning/fleet/tally.js';

const factsOf = (box: BoxDetail): Facts => ({
  id: box.id,
  box: {
    enrolledAt: box.enrolledAt,
    certificateUntil: box.certificate.notAfter,
    revokedAt: box.revokedAt ?? (box.state === 'revoked' || box.state === 'left' ? 0 : undefined),
    settledAt: undefined,
    left: box.state === 'left',
    serial: box.standing.factory?.serial ?? '',
  },
  life: {
    lastSeen: box.lastSeen ?? 0,
    cloned: box.cloned ? { ...box.cloned, after: 1, toldAt: 0 } : undefined,
    born: box.state !== 'enrolled',
    agent: box.agent ?? box.birth?.agent ?? '',
    model: box.model ?? box.birth?.hardware?.model ?? '',
    gaps: box.gaps,
    conditions: conditionsOf(box),
  },
  about: box,
  online: box.state === 'online',
});

const limits = { 'system.filesystem.utilization': 0.9, 'hw.temperature': 80 };
const kinds = { 'system.filesystem.utilization': 'disk-full', 'hw.temperature': 'hot' };

function conditionsOf(box: BoxDetail): NonNullable<BoxSummary['conditions']> {
  if (box.conditions) return box.conditions;
  const { at, values } = box.health ?? { at: 0, values: {} as Record<string, number> };
  return (Object.keys(limits) as (keyof typeof limits)[])
    .filter((metric) => (values[metric] ?? 0) >= limits[metric])
    .map((metric) => ({ kind: kinds[metric], severity: 'attention', since: at, evidence: `${values[metric]}` }));
}

/** What the provider adds to what the test said. */
export function withCare(box: BoxDetail, now: number): BoxDetail {
  const facts: CareFacts = {
    ...{ state: box.state, enrolledAt: box.enrolledAt, lastSeen: box.lastSeen, cloned: box.cloned },
    ...{ certificateUntil: box.certificate.notAfter, conditions: conditionsOf(box) },
  };
  return { ...box, conditions: conditionsOf(box), care: careOf(facts, now) };
}

export function summaryOfDetail(box: BoxDetail, now: number): BoxSummary {
  const { birth, reported: _reported, revokedAt: _revokedAt, standing: _standing, ...summary } = withCare(box, now);
  const [agent, model] = [birth?.agent, birth?.hardware?.model];
  return { ...(agent && { agent }), ...(model && { model }), ...summary };
}

export function createFedTable(boxes: ReadonlyMap<string, BoxDetail>, now: () => number): FleetTable {
  const rows = () => [...boxes.values()].map((box) => rowOf(factsOf(box)));
  return {
    async query(query) {
      const limit = query.limit ?? usualLimit;
      const { found, total } = scan(rows(), query, parseFleetCursor(query), limit + 1, now());
      const page = found.slice(0, limit);
      const last = page.at(-1);
      return {
        at: now(),
        boxes: page.map(({ row }) => summaryOfDetail(boxes.get(row.id)!, now())),
        total,
        next: last && found.length > limit ? buildFleetCursor(query, { key: last.key, id: last.row.id }) : null,
      };
    },
    async glance() {
      const changes = { since: now() - 86_400_000, types: [{ type: 'enrolled', count: boxes.size }] };
      return { ...glanceOf(rows(), now()), changes: boxes.size > 0 ? changes : { ...changes, types: [] } };
    },
    counts: async () => countsOf(rows(), now()),
    ids: async (filter) =>
      scan(rows(), { ...filter, sort: 'id' }, undefined, boxes.size, now()).found.map(({ row }) => row.id),
  };
}

export const createFedAbouts = (boxes: ReadonlyMap<string, BoxDetail>): Pick<Abouts, 'set'> => ({
  async set(id, said) {
    const box = boxes.get(id);
    if (!box) throw new Refusal('box-unknown', id);
    for (const name of ['label', 'place'] as const) {
      const text = said[name];
      if (text === null) delete box[name];
      else if (text !== undefined) box[name] = text;
    }
  },
});
