/**
 * Releases of the operating system, as their publisher signed them: which of them boxes are to run, and when. A provider
 * selects among them and schedules them, in waves that stop where too many boxes fail; it can make none.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { ownDirectory, syncPath } from '#common/files.js';
import { meter } from '#common/meter.js';
import { bundleSignature } from '#common/os/bundle.js';
import { verifyOsRelease } from '#common/os/release.js';
import { compareVersions } from '#contract/manifest.js';
import { type OsAsk, OsKeys, OsRelease, type OsSelection } from '#contract/os-release.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { isRising, type RolloutPlan, type RolloutVerb } from '#contract/rollout.js';
import type * as plans from '../rollouts/plan.js';
import type { Store } from '../store/store.js';
import type { SystemRecord } from '../store/systems.js';
import { createTurns } from '../store/turns.js';

/** How rollouts go, be they of apps or of systems. */
export type Waves = Pick<
  typeof plans,
  'act' | 'begin' | 'goOn' | 'isBackdated' | 'isOffered' | 'judge' | 'positionOf' | 'tallyOf'
>;

export interface SystemSummary {
  id: string;
  version: string;
  compatible: string;
  channel: string;
  security: boolean;
  sizeBytes: number;
  /** `-` where it is not selected. */
  state: string;
  percent: number;
  notBefore: number | null;
  why: string;
  done: number;
  failed: number;
  /** Boxes that run it. */
  running: number;
}

export interface Systems {
  /** Files, by their absolute paths. Durable when it resolves. @throws Refusal `os-keys-invalid`, `os-bundle-mismatch`, `arguments-invalid`, those of `verifyOsRelease` */
  publish(wish: { release: string; bundle: string; keys: string }): Promise<{ id: string; version: string }>;
  list(): Promise<SystemSummary[]>;
  /** Again: with another plan, from its first wave. @throws Refusal `os-release-unknown`, `arguments-invalid` */
  schedule(id: string, wish: { plan: RolloutPlan; notBefore: number | null }): Promise<void>;
  /** @throws Refusal `os-release-unknown`, `os-not-scheduled`, `rollout-over` … */
  act(id: string, act: RolloutVerb, reason?: string): Promise<void>;
  /** What the box is to run. What it says of itself is kept. */
  ask(box: string, asked: OsAsk): Promise<OsSelection | undefined>;
  /** The file of a bundle of a release that is known here. @throws Refusal `os-release-unknown` */
  bundle(sha256: string): Promise<{ file: string; size: number }>;
}

const releaseOf = ({ jws }: SystemRecord): OsRelease => {
  const read = parseJson(OsRelease, Buffer.from(jws.split('.')[1] ?? '', 'base64url'));
  if (!read.ok) throw new Refusal('internal', describeFaults(read.faults));
  return read.value;
};

export function createSystems(wish: { directory: string; store: Store; clock: Clock; waves: Waves }): Systems {
  const { directory, store, clock, waves } = wish;
  const { systems, systemBoxes, systemOutcomes } = store;
  const turns = createTurns();
  /** Of bundles that were asked for: each is, in thousands of parts, and no release is taken out again. */
  const sizes = new Map<string, number>();
  const fileOf = (sha256: string): string => path.join(directory, `${sha256}.raucb`);
  const put = (id: string, value: SystemRecord): Operation => ({ type: 'put', sublevel: systems, key: id, value });
  const below = (key: string) => ({ gte: `${key}!`, lt: `${key}"` });

  async function known(id: string): Promise<SystemRecord> {
    const record = await systems.get(id);
    if (!record) throw new Refusal('os-release-unknown', id);
    return record;
  }

  async function readOr(file: string): Promise<Buffer> {
    return readFile(file).catch((error: unknown) => {
      throw new Refusal('arguments-invalid', `cannot read ${file}`, { cause: error });
    });
  }

  /** Boxes of the kind, by where they stand in the whole. */
  async function fleet(id: string, compatible: string): Promise<number[]> {
    const keys = await systemBoxes.keys(below(compatible)).all();
    return keys.map((key) => waves.positionOf(id, key.slice(compatible.length + 1)));
  }

  async function tally(id: string) {
    const counts: Record<string, number> = {};
    for await (const { outcome } of systemOutcomes.values(below(id))) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return waves.tallyOf(counts);
  }

  /** Copied and hashed in one go; it bears its name only when it is what the release says. */
  async function shelve(bundle: string, { sha256, size, signature }: OsRelease['bundle']): Promise<void> {
    const found = signature && (await bundleSignature(bundle));
    if (found?.sha256 !== signature?.sha256 || found?.size !== signature?.size)
      throw new Refusal('os-bundle-mismatch', `${bundle} does not end as its release says`);
    const here = await stat(fileOf(sha256)).catch(() => undefined);
    if (here?.size === size) return;
    const part = `${fileOf(sha256)}.part`;
    const counted = meter();
    await pipeline(createReadStream(bundle), counted.through, createWriteStream(part, { mode: 0o600, flush: true }));
    if (counted.size() !== size || counted.sha256() !== sha256) {
      await rm(part, { force: true });
      throw new Refusal('os-bundle-mismatch', bundle);
    }
    await rename(part, fileOf(sha256));
    await syncPath(directory);
  }

  /** What the results mean, and whether a wave has lasted. */
  async function judged(id: string, record: SystemRecord, compatible: string): Promise<SystemRecord> {
    const { schedule } = record;
    if (schedule?.rollout.state !== 'running') return record;
    const now = clock.now();
    const rollout = waves.isBackdated(schedule.rollout, now) ? { ...schedule.rollout, waveAt: now } : schedule.rollout;
    const verdict = waves.judge(rollout, await tally(id), now);
    if (verdict.kind === 'stay' && rollout === schedule.rollout) return record;
    const why = { by: 'results' as const, at: now, text: '' };
    const next =
      verdict.kind === 'advance'
        ? waves.goOn(rollout, await fleet(id, compatible), now)
        : verdict.kind === 'stop'
          ? {
              ...rollout,
              state: 'paused' as const,
              why: { ...why, text: `${verdict.failed} of ${verdict.results} failed` },
            }
          : rollout;
    return { ...record, schedule: { ...schedule, rollout: next } };
  }

  async function all(): Promise<{ id: string; record: SystemRecord; release: OsRelease }[]> {
    const entries = await systems.iterator().all();
    return entries
      .map(([id, record]) => ({ id, record, release: releaseOf(record) }))
      .sort((a, b) => compareVersions(b.release.version, a.release.version));
  }

  return {
    async publish({ release, bundle, keys }) {
      await ownDirectory(directory);
      const trusted = parseJson(OsKeys, await readOr(keys));
      if (!trusted.ok) throw new Refusal('os-keys-invalid', describeFaults(trusted.faults));
      const jws = (await readOr(release)).toString('utf8').trim();
      const { id, release: told } = await verifyOsRelease(jws, trusted.value);
      await shelve(bundle, told.bundle);
      await turns.take('systems', async () => {
        if (!(await systems.get(id))) await store.commit([put(id, { jws, at: clock.now() })]);
      });
      return { id, version: told.version };
    },
    async list() {
      const summaries: SystemSummary[] = [];
      for (const { id, record, release } of await all()) {
        const { version, compatible, channel, security, bundle } = release;
        const { done, failed } = await tally(id);
        const { rollout, notBefore = null } = record.schedule ?? {};
        const versions = await systemBoxes.values(below(compatible)).all();
        summaries.push({
          ...{ id, version, compatible, channel, security, sizeBytes: bundle.size, done, failed, notBefore },
          state: rollout?.state ?? '-',
          percent: rollout ? rollout.reach / 10_000 : 0,
          why: rollout?.why?.text ?? '',
          running: versions.filter((one) => one === version).length,
        });
      }
      return summaries;
    },
    schedule: (id, { plan, notBefore }) =>
      turns.take('systems', async () => {
        if (!isRising({ waves: plan.waves })) throw new Refusal('arguments-invalid', 'waves rise, and end with 100');
        const record = await known(id);
        const { compatible, channel } = releaseOf(record);
        const about = { app: compatible, channel, architecture: 'arm64' as const, private: false };
        const rollout = waves.begin(about, { plan, known: await fleet(id, compatible), now: clock.now() });
        const since = await tally(id);
        await store.commit([put(id, { ...record, schedule: { notBefore, rollout: { ...rollout, since } } })]);
      }),
    act: (id, act, reason) =>
      turns.take('systems', async () => {
        const record = await known(id);
        const { schedule } = record;
        if (!schedule) throw new Refusal('os-not-scheduled', id);
        const facts = {
          known: await fleet(id, releaseOf(record).compatible),
          tally: await tally(id),
          now: clock.now(),
        };
        const rollout = waves.act(schedule.rollout, { act, by: 'provider', ...(reason && { reason }) }, facts);
        await store.commit([put(id, { ...record, schedule: { ...schedule, rollout } })]);
      }),
    ask: (box, { compatible, version, last }) =>
      turns.take('systems', async () => {
        const operations: Operation[] = [];
        const key = `${compatible}!${box}`;
        if (version !== null && (await systemBoxes.get(key)) !== version)
          operations.push({ type: 'put', sublevel: systemBoxes, key, value: version });
        const releases = (await all()).filter(({ release }) => release.compatible === compatible);
        const about = last && releases.find(({ release }) => release.version === last.version);
        if (last && about) {
          const told = `${about.id}!${box}`;
          if ((await systemOutcomes.get(told))?.at !== last.at)
            operations.push({ type: 'put', sublevel: systemOutcomes, key: told, value: last });
        }
        if (operations.length > 0) await store.commit(operations);
        for (const { id, record, release } of releases) {
          const now = await judged(id, record, compatible);
          if (now !== record) await store.commit([put(id, now)]);
          const { schedule } = now;
          const isNext =
            version === null ||
            (compareVersions(release.version, version) > 0 && compareVersions(version, release.minimum) >= 0);
          if (schedule && isNext && waves.isOffered(schedule.rollout, { release: id, box, runs: false, named: false }))
            return { release: now.jws, notBefore: schedule.notBefore };
        }
        return undefined;
      }),
    async bundle(sha256) {
      const size =
        sizes.get(sha256) ?? (await all()).find(({ release }) => release.bundle.sha256 === sha256)?.release.bundle.size;
      const here = size && (await stat(fileOf(sha256)).catch(() => undefined));
      // A restored territory knows its releases, and has none of the bundles.
      if (!here || here.size !== size) throw new Refusal('os-release-unknown', sha256);
      sizes.set(sha256, size);
      return { file: fileOf(sha256), size };
    },
  };
}
