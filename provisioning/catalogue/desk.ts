/** What an operator sees of the catalogue: everything, also what is private or has ended. */
import type { ReleaseState } from '#contract/catalogue.js';
import { Refusal } from '#contract/problems.js';
import type { ResultCounts, RolloutView } from '#contract/rollout.js';
import type { CatalogueRollouts } from './parts.js';
import { type Registry, stateOf } from './registry.js';

export interface AppSummary {
  /** The app's. */
  id: string;
  owner: string;
  /** Of the newest release, published or not; null where an id is only kept for somebody. */
  version: string | null;
  state: ReleaseState | null;
  releases: number;
}

export interface AppDetail {
  id: string;
  owner: string;
  byOperator: boolean;
  releases: {
    id: string;
    version: string;
    channel: string;
    architecture: string;
    state: ReleaseState;
    reason: string | null;
    member: string;
    publishedAt: number;
    sizeBytes: number;
    private: boolean;
    rollout: RolloutView | null;
    results: ResultCounts;
  }[];
}

export async function listApps(registry: Registry, after: string, limit: number): Promise<AppSummary[]> {
  const page: AppSummary[] = [];
  for await (const id of registry.kept(after)) {
    if (page.length === limit) break;
    const releases = await registry.releasesOf(id);
    const [newest] = releases;
    page.push({
      id,
      owner: registry.owner(id)?.owner ?? '',
      version: newest?.version ?? null,
      state: newest ? stateOf(newest) : null,
      releases: releases.length,
    });
  }
  return page;
}

/** @throws Refusal `listing-unknown` */
export async function showApp(
  { registry, rollouts }: { registry: Registry; rollouts: CatalogueRollouts },
  id: string,
): Promise<AppDetail> {
  const its = registry.owner(id);
  if (!its) throw new Refusal('listing-unknown', id);
  const releases = await registry.releasesOf(id);
  return {
    id,
    owner: its.owner,
    byOperator: its.byOperator === true,
    releases: releases.map((one) => ({
      ...{ id: one.id, version: one.version, channel: one.channel, architecture: one.architecture },
      ...{ state: stateOf(one), reason: one.ended?.reason ?? null, member: one.member },
      ...{ publishedAt: one.publishedAt, sizeBytes: one.sizeBytes, private: one.private },
      ...{ rollout: rollouts.view(one) ?? null, results: rollouts.counts(one.id) },
    })),
  };
}
