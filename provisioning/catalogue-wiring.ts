/** What members publish and boxes fetch, wired: the catalogue, rollouts with their results, links with their offers. */
import path from 'node:path';
import { type Catalogue, createCatalogue } from './catalogue/catalogue.js';
import type { ResolveTxt } from './catalogue/domains.js';
import { createAttempts } from './est/attempts.js';
import { createQuota } from './fleet/quota.js';
import type { Ground } from './ground.js';
import { createLinkDesk, type LinkDesk } from './links/desk.js';
import { openResults } from './rollouts/results.js';
import { declareRolloutRoutes } from './rollouts/routes.js';
import { createRolloutWatch } from './rollouts/watch.js';
import type { Rooms } from './rooms.js';
import type { Traffic } from './traffic-wiring.js';

export async function startCatalogue(
  { clock, log, onStop }: Ground,
  {
    rooms: { territory, store, registry, members, rollouts, boxes, events },
    directory,
    hosts,
    resolveTxt,
  }: {
    rooms: Rooms;
    directory: string;
    hosts: readonly string[];
    /** By the network's name servers unless said. */
    resolveTxt: ResolveTxt | undefined;
  },
): Promise<Catalogue> {
  const quota = createQuota({ clock, burst: 20, perMinute: 2 });
  const results = await openResults({ store, rollouts, registry, quota, clock, events });
  const watch = createRolloutWatch({ rollouts, clock, log });
  watch.start();
  onStop(() => watch.stop());
  const catalogue = createCatalogue({
    directory: path.join(directory, 'catalogue'),
    territory: territory.id,
    ...{ store, registry, members, rollouts, boxes, hosts, clock, log, resolveTxt },
    more: (app, callers) => declareRolloutRoutes(app, { callers, rollouts, results, registry }),
  });
  await catalogue.start();
  onStop(() => catalogue.stop());
  return catalogue;
}

export function startLinks(
  { clock, log, onStop }: Ground,
  {
    rooms: { territory, store, members, boxes, events, registry },
    traffic: { ingest, broker },
  }: { rooms: Rooms; traffic: Pick<Traffic, 'ingest' | 'broker'> },
): LinkDesk {
  const links = createLinkDesk({
    territory: territory.id,
    ...{ store, clock, members, boxes, events, log },
    releases: registry,
    attempts: { member: createAttempts({ clock }), source: createAttempts({ clock }) },
    online: ingest.online,
    publish: broker.publish,
  });
  links.start();
  onStop(() => links.stop());
  return links;
}
