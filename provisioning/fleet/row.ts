/** From what is known of a box to what a table finds and sorts it by, and to what a page shows of it. Pure. */
import type { Condition } from '#contract/conditions.js';
import type { BoxState, BoxSummary } from '#contract/operator.js';
import type { BoxRecord } from '../store/boxes.js';
import { isCloned, type LifeRecord } from '../store/lives.js';
import { type CareFacts, careOf, type Late, lateness, plainRank, worstFirst } from './care.js';
import { allGaps } from './life.js';

/** What the operator says of a box, or its claim code did. */
export interface About {
  label?: string | undefined;
  place?: string | undefined;
}

export interface Facts {
  id: string;
  box: BoxPart;
  life: LifePart | undefined;
  about: About;
  online: boolean;
}

/** Of what was issued: all that counts here. */
export interface BoxPart extends Pick<BoxRecord, 'enrolledAt' | 'revokedAt' | 'settledAt'> {
  certificateUntil: number;
  left: boolean;
  serial: string;
}

/** Of what the box said of itself. */
export interface LifePart extends Pick<LifeRecord, 'lastSeen' | 'cloned'> {
  born: boolean;
  agent: string;
  model: string;
  gaps: number;
  /** The worst first. */
  conditions: readonly ConditionPart[];
}

/** Its words are read from the store when it is shown. */
export type ConditionPart = Pick<Condition, 'kind' | 'severity' | 'since'>;

/** All that a table needs of a box. Text is empty where nothing is known. */
export interface FleetRow {
  id: string;
  state: BoxState;
  /** By our clock; 0: never. */
  lastSeen: number;
  agent: string;
  model: string;
  place: string;
  conditions: readonly ConditionPart[];
  gaps: number;
  /** 0 trouble, 1 attention, 2 good, 3 none: what needs no time to show. */
  rank: number;
  /** From then on the rank is that one, if it is lower. */
  late: Late;
  /** What is searched: id, label, place and serial number in lower case, a line each. */
  text: string;
  /** Sorts as the version does. ASCII. */
  agentKey: string;
}

const percent = (share: number): string => `${Math.round(share * 100)} % in use`;
/** Of a box that does not tell its conditions its newest sample shows some. */
const limits: readonly { metric: string; kind: string; from: number; say: (value: number) => string }[] = [
  { metric: 'system.filesystem.utilization', kind: 'disk-full', from: 0.9, say: percent },
  { metric: 'system.memory.utilization', kind: 'memory-low', from: 0.95, say: percent },
  { metric: 'hw.temperature', kind: 'hot', from: 80, say: (value) => `${Math.round(value)} °C` },
];

function conditionsOf({ reported, health }: LifeRecord): Condition[] {
  if (reported?.conditions) return worstFirst(reported.conditions);
  return limits.flatMap(({ metric, kind, from, say }): Condition[] => {
    const value = health?.values[metric];
    if (health === undefined || value === undefined || value < from) return [];
    return [{ kind, severity: 'attention', since: health.at, evidence: say(value) }];
  });
}

export const partOfBox = (box: BoxRecord): BoxPart => ({
  enrolledAt: box.enrolledAt,
  certificateUntil: box.certificate.notAfter,
  revokedAt: box.revokedAt,
  settledAt: box.settledAt,
  left: box.revocation?.reason === 'left',
  serial: box.factory?.serial ?? '',
});

export const partOfLife = (life: LifeRecord): LifePart => ({
  lastSeen: life.lastSeen,
  cloned: life.cloned,
  born: life.birth !== undefined,
  agent: life.reported?.agent ?? life.birth?.agent ?? '',
  model: life.birth?.hardware?.model ?? '',
  gaps: allGaps(life),
  conditions: conditionsOf(life).map(({ kind, severity, since }) => ({ kind, severity, since })),
});

function stateOf({ box, life, online }: Facts): BoxState {
  if (box.revokedAt !== undefined) return box.left ? 'left' : 'revoked';
  if (online) return 'online';
  return life?.born ? 'offline' : 'enrolled';
}

function clonedOf({ box, life }: Facts): BoxSummary['cloned'] {
  if (!life?.cloned || !isCloned(box, life)) return null;
  return { since: Math.max(life.cloned.since, box.settledAt ?? 0), at: life.cloned.at };
}

const careFacts = (facts: Facts): CareFacts => ({
  state: stateOf(facts),
  enrolledAt: facts.box.enrolledAt,
  lastSeen: facts.life?.lastSeen ?? null,
  certificateUntil: facts.box.certificateUntil,
  cloned: clonedOf(facts),
  conditions: facts.life?.conditions ?? [],
});

const ascii = (text: string): string => text.replace(/[^\x21-\x7e]/g, '?');

/** Numbers by their value, and `1.0.0-rc.1` before `1.0.0`. */
export function versionKey(version: string): string {
  const [, numbers = '', rest = ''] = /^(\d{1,9}(?:\.\d{1,9}){0,3})(.*)$/s.exec(version) ?? [];
  if (numbers === '') return version === '' ? '' : `~${ascii(version)}`;
  const parts = [...numbers.split('.'), '0', '0', '0'].slice(0, 4).map((part) => part.padStart(9, '0'));
  return `${parts.join('.')}${rest.startsWith('-') ? '' : '~'}${ascii(rest)}`;
}

export function rowOf(facts: Facts): FleetRow {
  const { id, box, life, about } = facts;
  const care = careFacts(facts);
  return {
    id,
    state: care.state,
    lastSeen: life?.lastSeen ?? 0,
    agent: life?.agent ?? '',
    model: life?.model ?? '',
    place: about.place ?? '',
    conditions: care.conditions,
    gaps: life?.gaps ?? 0,
    rank: plainRank(care),
    late: lateness(care),
    text: [id, about.label ?? '', about.place ?? '', box.serial].join('\n').toLowerCase(),
    agentKey: versionKey(life?.agent ?? ''),
  };
}

export interface Known {
  id: string;
  box: BoxRecord;
  life: LifeRecord | undefined;
  about: About;
  online: boolean;
}

export const factsOf = ({ id, box, life, about, online }: Known): Facts => ({
  ...{ id, about, online },
  box: partOfBox(box),
  life: life && partOfLife(life),
});

/** @param now milliseconds since 1970 */
export function summaryOf(known: Known, now: number): BoxSummary {
  const { id, box, life, about } = known;
  const facts = factsOf(known);
  const care = careFacts(facts);
  const { agent = '', model = '', gaps = 0 } = facts.life ?? {};
  return {
    id,
    state: care.state,
    lastSeen: care.lastSeen,
    enrolledAt: box.enrolledAt,
    certificate: { serial: box.certificate.serial, notAfter: box.certificate.notAfter },
    gaps,
    health: life?.health ?? null,
    cloned: care.cloned && clonedOf(facts),
    ...(about.label && { label: about.label }),
    ...(about.place && { place: about.place }),
    ...(box.factory && { serial: box.factory.serial }),
    ...(agent && { agent }),
    ...(model && { model }),
    conditions: life ? conditionsOf(life) : [],
    care: careOf(care, now),
  };
}
