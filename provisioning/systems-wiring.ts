/** Systems for boxes, wired: their rollouts go as those of apps do. */
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#common/clock.js';
import type { Callers } from './catalogue/caller.js';
import { spanOf } from './catalogue/headers.js';
import * as waves from './rollouts/plan.js';
import type { Store } from './store/store.js';
import { declareSystemRoutes } from './systems/routes.js';
import { createSystems, type Systems } from './systems/systems.js';

export const openSystems = (wish: { directory: string; store: Store; clock: Clock }): Systems =>
  createSystems({ ...wish, directory: path.join(wish.directory, 'systems'), waves });

export const declareSystems = (app: FastifyInstance, callers: Callers, systems: Systems): void =>
  declareSystemRoutes(app, { callers, systems, span: spanOf });
