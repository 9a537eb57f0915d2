/** Boxes and questions of few different values, so that they meet often. */
import fc from 'fast-check';
import type { Condition } from '#contract/conditions.js';
import type { FleetQuery } from '#contract/fleet.js';
import type { BoxRecord } from '../../provisioning/store/boxes.js';
import type { AboutRecord, LifeRecord } from '../../provisioning/store/lives.js';

const day = 86_400_000;
const agents = ['0.9.0', '0.10.0', '0.10.0-rc.1', 'odd'] as const;
const models = ['Raspberry Pi 4', 'Raspberry Pi 5'] as const;
const places = ['Ōtaki', 'Te Horo', 'Te Horo Beach'] as const;
const kinds = ['hot', 'disk-full', 'odd-new-kind'] as const;
const severities = ['info', 'attention', 'trouble'] as const;
const labels = ['Mrs Nguyen', 'Mr Tui', 'Te Horo school'] as const;
const ids = Array.from({ length: 9 }, (_, index) => `box-${'abcdefghi'[index]}${'0'.repeat(7)}`);

export interface BoxWish {
  serial?: string | undefined;
  gone?: 'revoked' | 'left' | undefined;
  settled?: boolean | undefined;
  /** Of the certificate. */
  days?: number | undefined;
}

export interface LifeWish {
  agent?: string | undefined;
  model?: string | undefined;
  /** Missing: an agent that does not tell. */
  conditions?: Pick<Condition, 'kind' | 'severity'>[] | undefined;
  disk?: number | undefined;
  lost?: number | undefined;
  cloned?: boolean | undefined;
  born?: boolean | undefined;
}

export const boxRecord = (now: number, { serial, gone, settled, days = 30 }: BoxWish): BoxRecord => ({
  enrolledAt: now,
  claim: '',
  admittedBy: serial === undefined ? 'claim' : 'maker',
  ...(serial !== undefined && { factory: { maker: 'tui', serial } }),
  certificate: { serial: '3A7F00C15E9B44D2', notAfter: now + days * day, keyHash: '', der: '' },
  ...(gone && { revokedAt: now, revocation: { reason: gone } }),
  ...(settled && { settledAt: now }),
});

const epoch = '8899aabbccddeeff';

export function lifeRecord(now: number, wish: LifeWish): LifeRecord {
  const { agent = '0.9.0', model, conditions, disk = 0.5, lost = 0, cloned, born = true } = wish;
  const hardware = { model: model ?? '', os: 'Debian GNU/Linux 13', arch: 'arm64', cpus: 4 };
  return {
    lastSeen: now,
    tracks: { [epoch]: { contiguous: 10 + lost, above: [], lost } },
    health: { at: now, values: { 'system.filesystem.utilization': disk } },
    ...(cloned && { cloned: { since: now, at: now, after: now, toldAt: now } }),
    ...(born && {
      birth: {
        kind: 'birth',
        session: '0011223344556677',
        ...{ epoch, lastSequence: 10 + lost, at: now, agent, api: '1.0' },
        ...(model !== undefined && { hardware }),
      },
    }),
    ...(conditions && {
      reported: {
        ...{ at: now, agent, apps: [] },
        conditions: conditions.map(({ kind, severity }) => ({ kind, severity, since: now, evidence: 'measured' })),
      },
    }),
  };
}

export type Change =
  | ({ kind: 'box'; id: string } & BoxWish)
  | ({ kind: 'life'; id: string } & LifeWish)
  | { kind: 'about'; id: string; about: Omit<AboutRecord, 'at'> }
  | { kind: 'present'; id: string; online: boolean }
  | { kind: 'time'; milliseconds: number };

const id = fc.constantFrom(...ids);
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const condition = fc.record({ kind: fc.constantFrom(...kinds), severity: fc.constantFrom(...severities) });

export const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant('box' as const),
    id,
    serial: maybe(fc.constantFrom('TUI-0001', 'TUI-0002')),
    gone: maybe(fc.constantFrom('revoked' as const, 'left' as const)),
    settled: maybe(fc.boolean()),
    days: maybe(fc.constantFrom(0.05, 30)),
  }),
  fc.record({
    kind: fc.constant('life' as const),
    id,
    agent: maybe(fc.constantFrom(...agents)),
    model: maybe(fc.constantFrom(...models)),
    conditions: maybe(fc.array(condition, { maxLength: 3 })),
    disk: maybe(fc.constantFrom(0.5, 0.95)),
    lost: maybe(fc.nat(3)),
    cloned: maybe(fc.boolean()),
    born: maybe(fc.boolean()),
  }),
  fc.record({
    kind: fc.constant('about' as const),
    id,
    about: fc.record({ label: fc.constantFrom(...labels), place: fc.constantFrom(...places) }, { requiredKeys: [] }),
  }),
  fc.record({ kind: fc.constant('present' as const), id, online: fc.boolean() }),
  fc.record({ kind: fc.constant('present' as const), id, online: fc.constant(true) }),
  fc.record({ kind: fc.constant('time' as const), milliseconds: fc.constantFrom(1000, 600_000, 3_600_000, 8 * day) }),
);

const some = <T>(...values: readonly T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });

export const queries: fc.Arbitrary<FleetQuery> = fc.record(
  {
    state: some('enrolled' as const, 'online' as const, 'offline' as const, 'revoked' as const, 'left' as const),
    care: some('trouble' as const, 'attention' as const, 'good' as const, 'none' as const),
    condition: some(...kinds),
    severity: some(...severities),
    agent: some(...agents, ''),
    model: some(...models, ''),
    place: some(...places, '', 'nowhere'),
    search: fc.constantFrom('horo', 'te horo', 'BOX-A', 'tui', 'nguyen', 'none such', ' '),
    sort: fc.constantFrom('attention' as const, 'lastSeen' as const, 'id' as const, 'agent' as const),
    reverse: fc.boolean(),
    limit: fc.constantFrom(1, 2, 5, 100),
  },
  { requiredKeys: [] },
);
