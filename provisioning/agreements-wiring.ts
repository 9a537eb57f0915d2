/** Agreements, wired: judged against what is published, and what has routes on the EST origin. */
import type { FastifyInstance } from 'fastify';
import { announcedBy } from '#common/archive/release.js';
import type { Clock } from '#common/clock.js';
import { type Agreements, createAgreements } from './agreements/agreements.js';
import { declareAgreementRoutes } from './agreements/routes.js';
import { createUsageRoom, type UsageRoom } from './agreements/usage.js';
import type { Callers } from './catalogue/caller.js';
import type { Registry } from './catalogue/registry.js';
import type { Store } from './store/store.js';

export const openAgreements = (wish: {
  store: Store;
  clock: Clock;
  territory: string;
  registry: Pick<Registry, 'find'>;
}): Agreements =>
  createAgreements({
    ...wish,
    published(release) {
      const found = wish.registry.find(release);
      if (!found) return undefined;
      const { app, version, member, jws } = found;
      return { app, version, member, plans: announcedBy(jws).manifest.plans ?? [] };
    },
  });

export const openUsage = (wish: { store: Store; clock: Clock; territory: string }): UsageRoom => createUsageRoom(wish);

export const declareAgreements = (
  app: FastifyInstance,
  callers: Callers,
  { agreements, usage }: { agreements: Agreements; usage: UsageRoom },
): void => declareAgreementRoutes(app, { agreements, usage, callers });
