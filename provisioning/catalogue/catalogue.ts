/**
 * The territory's catalogue as one value. Who sees what: a public release every box, a private one the boxes that it
 * names or is offered to, of either those that its rollout has reached, each its own member, with all that has ended.
 * Octets go with the releases that need them, while these are published; those of an expelled member's releases are given
 * to no box.
 */
import { statfsSync } from 'node:fs';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#common/clock.js';
import { ownDirectory } from '#common/files.js';
import type { Store } from '../store/store.js';
import { type Caller, type CallerParts, type Callers, createCallers } from './caller.js';
import { createDomains, createTxtResolver, type ResolveTxt } from './domains.js';
import type { CatalogueMembers, CatalogueRollouts } from './parts.js';
import { createPublish } from './publish.js';
import type { Listed, Registry } from './registry.js';
import { declareRoutes } from './routes.js';
import { createShelf } from './shelf.js';
import { type Budgets, createUploads, usualBudgets } from './uploads.js';

export interface Catalogue {
  /** @throws Refusal as `ownDirectory` */
  start(): Promise<void>;
  /** For the EST server. */
  declare(app: FastifyInstance, limits: CallerParts['limits']): void;
  /** Removes octets that no release needs, and uploads that nobody goes on with, both a day old. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

const hour = 3_600_000;
const keptMilliseconds = 24 * hour;
const usualReserveBytes = 256 * 1024 ** 2;

export function createCatalogue({
  directory,
  territory,
  store,
  registry,
  members,
  rollouts,
  more = () => {},
  boxes,
  hosts,
  clock,
  log,
  budgets = usualBudgets,
  freeBytes = () => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  },
  reserveBytes = usualReserveBytes,
  resolveTxt = createTxtResolver(),
}: {
  /** Made with mode 0700. */
  directory: string;
  territory: string;
  store: Store;
  registry: Registry;
  members: CatalogueMembers;
  rollouts: CatalogueRollouts;
  /** Routes of other rooms, for the same callers. */
  more?: (app: FastifyInstance, callers: Callers) => void;
  boxes: CallerParts['boxes'];
  hosts: readonly string[];
  clock: Clock;
  log: { error(details: object, text: string): void };
  budgets?: Budgets;
  freeBytes?: () => number;
  reserveBytes?: number;
  resolveTxt?: ResolveTxt | undefined;
}): Catalogue {
  const shelf = createShelf({ directory: path.join(directory, 'blobs'), store, clock });
  const uploads = createUploads({
    directory: path.join(directory, 'uploads'),
    ...{ shelf, clock, freeBytes, reserveBytes, budgets },
  });
  const stopping = new AbortController();
  let sweeping: Promise<void> | undefined;

  const maySee = (caller: Caller, listed: Listed): boolean =>
    caller.kind === 'member'
      ? listed.member === caller.member.id
      : !listed.private || registry.isNamed(listed.id, caller.box);

  async function mayHave(member: string, hex: string): Promise<boolean> {
    if (shelf.isHeldBy(hex, member)) return true;
    for await (const one of registry.needing(hex)) if (!one.private) return true;
    return false;
  }

  async function mayFetch(caller: Caller, hex: string): Promise<boolean> {
    if (caller.kind === 'member') return mayHave(caller.member.id, hex);
    for await (const one of registry.needing(hex))
      if (maySee(caller, one) && (members.find(one.member)?.standing ?? 'expelled') !== 'expelled') return true;
    return false;
  }

  async function sweep(): Promise<void> {
    const before = clock.now() - keptMilliseconds;
    await uploads.sweep(before);
    await shelf.sweep(before, stopping.signal);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sweep().catch((error: unknown) => log.error({ err: error }, 'cannot sweep the catalogue'));
      await clock.sleep(hour, stopping.signal);
    }
  }

  return {
    sweep,

    async start() {
      await ownDirectory(directory);
      await shelf.open();
      await uploads.open();
      sweeping ??= run();
    },

    declare(app, limits) {
      const callers = createCallers({ members, boxes, hosts, limits });
      const domains = createDomains({ territory, registry, members, resolveTxt, clock });
      const publish = createPublish({ territory, registry, shelf, members, mayHave, clock });
      // In a scope of its own: EST's bodies are not streams.
      app.register(async (scope) => {
        scope.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
        const rooms = { callers, registry, shelf, uploads, members, rollouts, publish, domains };
        declareRoutes(scope, { ...rooms, maySee, mayHave, mayFetch });
        more(scope, callers);
      });
    },

    async stop() {
      stopping.abort();
      await sweeping;
      await uploads.idle();
    },
  };
}
