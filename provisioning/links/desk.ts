/** Links and offers as one value: routes, the word to the boxes, and what ends with a box or a member. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#common/clock.js';
import type { LinksNews } from '#contract/links.js';
import { buildTopic } from '#contract/topics.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { createBook } from './book.js';
import { createLinks } from './links.js';
import { createLinkOffers } from './offers.js';
import type { Attempts, LinkMembers, Releases } from './parts.js';
import { type Callers, declareLinkRoutes } from './routes.js';

export interface LinkDesk {
  start(): void;
  stop(): Promise<void>;
  /** For the EST server. */
  declare(app: FastifyInstance, callers: Callers): void;
}

const daily = 86_400_000;
/** So many boxes may ask in one second. */
const asksPerSecond = 200;
const longestSpreadSeconds = 600;

export function createLinkDesk(parts: {
  territory: string;
  store: Store;
  clock: Clock;
  members: LinkMembers & { onChange(listener: (member: string) => void): () => void };
  boxes: { onEnded(listener: (box: string) => void): () => void };
  releases: Releases;
  attempts: { member: Attempts; source: Attempts };
  events: Pick<EventLog, 'compose'>;
  online: (box: string) => boolean;
  publish: (topic: string, payload: string) => void;
  log: { error(details: object, text: string): void };
}): LinkDesk {
  const { store, clock, members, boxes, online, publish, log } = parts;
  const book = createBook(store);
  const turns = createTurns();
  const stopping = new AbortController();
  const pending = new Set<Promise<void>>();
  let endWatching: (() => void)[] = [];
  let sweeping: Promise<void> | undefined;

  /** Who is away asks when it comes back. */
  function tell(all: readonly string[]): void {
    const reached = all.filter(online);
    const spreadSeconds = Math.min(longestSpreadSeconds, Math.floor(reached.length / asksPerSecond));
    const news = JSON.stringify({ spreadSeconds } satisfies LinksNews);
    for (const box of reached) publish(buildTopic({ box, direction: 'down', kind: 'links' }), news);
  }

  const rooms = { ...parts, book, turns, tell };
  const links = createLinks(rooms);
  const offers = createLinkOffers(rooms);

  /** What is not done now is done by the sweep. */
  function track(work: Promise<void>): void {
    const mine = work
      .catch((error: unknown) => log.error({ err: error }, 'cannot end links'))
      .finally(() => pending.delete(mine));
    pending.add(mine);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await Promise.all([links.sweep(), offers.sweep()]).catch((error: unknown) =>
        log.error({ err: error }, 'cannot sweep the links'),
      );
      await clock.sleep(daily, stopping.signal);
    }
  }

  return {
    start() {
      endWatching = [
        boxes.onEnded((box) => track(links.boxEnded(box))),
        members.onChange((member) => {
          if (members.find(member)?.standing === 'expelled') track(links.memberExpelled(member));
        }),
      ];
      sweeping ??= run();
    },
    async stop() {
      stopping.abort();
      for (const end of endWatching) end();
      await sweeping;
      await Promise.all(pending);
    },
    declare: (app, callers) => declareLinkRoutes(app, { links, offers, book, clock, callers }),
  };
}
