/**
 * Messages between apps and their makers, carried: taken from boxes and kept until the member has acknowledged them, taken
 * from members and kept until the box has. What is in them nobody here can read (contract/messages.ts).
 *
 * A box is told `stored` when its message is on the disk, and not before; what it sends again is known by its number.
 */
import type { FastifyInstance } from 'fastify';
import { createArrivals } from '#common/arrivals.js';
import type { Clock } from '#common/clock.js';
import { isDiskFull } from '#common/database.js';
import { ReleasedAppId } from '#contract/manifest.js';
import {
  MessageName,
  mostNames,
  type NewParcel,
  Parcel,
  type ParcelPage,
  type ParcelState,
} from '#contract/messages.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { buildTopic, type Topic } from '#contract/topics.js';
import type { Caller, Callers } from '../catalogue/caller.js';
import type { Publisher } from '../catalogue/parts.js';
import type { Registry } from '../catalogue/registry.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { createDelivery } from './delivery.js';
import { type MailLimits, mailLimits } from './limits.js';
import { declareMessageRoutes } from './routes.js';
import { digestOf, openShelves } from './shelves.js';
import { openUsage } from './usage.js';

export type AppTopic = Extract<Topic, { kind: 'app' }>;
export type Member = Pick<Extract<Caller, { kind: 'member' }>['member'], 'id'>;

export interface Mail {
  /** Resolves when all is done that follows of it. Never rejects: what is not answered comes again. */
  receive(message: { box: string; topic: AppTopic; payload: Buffer }): Promise<void>;
  /** A session of the box has begun, or ended. */
  changed(box: string): void;
  /** The box is no more. */
  ended(box: string): Promise<void>;
  readonly desk: Desk;
  declare(app: FastifyInstance, callers: Callers): void;
  counts(): { up: number; down: number; received: number; refused: number };
  start(): void;
  stop(): Promise<void>;
}

/** What a member asks for, see routes.ts. */
export interface Desk {
  /** @throws Refusal `listing-unknown`, `too-many-requests` */
  page(
    member: Member,
    wish: { app: string; after: string; limit: number; waitSeconds: number; signal: AbortSignal },
  ): Promise<ParcelPage>;
  /** @throws Refusal `listing-unknown` */
  acknowledge(member: Member, app: string, refs: readonly string[]): Promise<void>;
  /** @throws Refusal `listing-unknown`, `message-box-unknown`, `message-id-used`, `message-expired`, `mailbox-full`, `inbox-full` */
  post(member: Member, parcel: NewParcel): Promise<ParcelState>;
  /** @throws Refusal `listing-unknown`, `message-unknown` */
  state(member: Member, app: string, id: string): ParcelState;
}

const sweepMilliseconds = 600_000;

export async function openMail({
  store,
  registry,
  members,
  events,
  online,
  refusal = () => undefined,
  mayTell,
  publish,
  clock,
  log,
  limits: wished,
}: {
  store: Store;
  registry: Pick<Registry, 'owner'>;
  members: { find(member: string): Pick<Publisher, 'standing'> | undefined };
  events: EventLog;
  online: (box: string) => boolean;
  /** Why nothing is taken in this box's name. */
  refusal?: (box: string) => ProblemCode | undefined;
  /** Whether a refusal of this box is to be written down now: one box must not fill the log. */
  mayTell: (box: string) => boolean;
  publish: (topic: string, payload: string) => void;
  clock: Clock;
  log: { error(details: object, text: string): void };
  limits?: Partial<MailLimits>;
}): Promise<Mail> {
  const limits = { ...mailLimits, ...wished };
  const usage = await openUsage(store);
  const shelves = await openShelves({ store, usage });
  const delivery = createDelivery({ shelves, online, publish, clock, log });
  const turns = createTurns();
  const stopping = new AbortController();
  const arrivals = createArrivals(clock);
  const totals = { received: 0, refused: 0 };
  let running: Promise<void> | undefined;

  /** Of an app that may be written to and from here. @throws Refusal `message-app-unknown` */
  function memberOf(app: string): string {
    const owner = registry.owner(app)?.owner;
    const member = owner === undefined ? undefined : members.find(owner);
    if (owner === undefined || !member || member.standing === 'expelled') throw new Refusal('message-app-unknown', app);
    return owner;
  }

  /** @throws Refusal why it is not taken */
  async function takeUp(
    box: string,
    { app, name }: AppTopic,
    { id, expiresAt, sealed }: Extract<Parcel, { kind: 'message' }>,
  ): Promise<void> {
    if (!check(ReleasedAppId, app).ok || !check(MessageName, name).ok) throw new Refusal('message-app-unknown', app);
    const message = { app, box, name, id };
    if (shelves.knowsUp(message)) return;
    const member = memberOf(app);
    const now = clock.now();
    if (expiresAt <= now) throw new Refusal('message-expired');
    if (shelves.isNewName(message) && (await shelves.namesOf(box, app)) >= mostNames)
      throw new Refusal('message-names-full', app);
    const own = usage.of(`up!${box}`).bytes + sealed.length;
    const all = usage.of(`member!${member}`).bytes + sealed.length;
    if (own > limits.bytesOfBox || all > limits.bytesOfMember) throw new Refusal('mailbox-full', `${app} of ${member}`);
    await shelves.putUp(
      { ...message, member, sealed, expiresAt: Math.min(expiresAt, now + limits.keptMilliseconds) },
      now,
    );
    totals.received += 1;
    arrivals.tell(app);
  }

  async function answerUp(box: string, topic: AppTopic, parcel: Extract<Parcel, { kind: 'message' }>): Promise<Parcel> {
    const { id } = parcel;
    try {
      await turns.take(box, () => takeUp(box, topic, parcel));
      return { kind: 'stored', id };
    } catch (error) {
      const isKnown = error instanceof Refusal;
      if (!isKnown) log.error({ err: error, box }, 'cannot store a message');
      const code = isKnown ? error.code : isDiskFull(error) ? 'disk-full' : 'internal';
      totals.refused += 1;
      if (mayTell(box)) events.refused(code, { box, detail: isKnown ? error.detail : 'a message of an app' });
      return { kind: 'refused', id, code };
    }
  }

  /** @throws Refusal `listing-unknown`, also for an app of somebody else's */
  function demandOwn({ id }: Member, app: string): void {
    if (registry.owner(app)?.owner !== id) throw new Refusal('listing-unknown', app);
  }

  const desk: Desk = {
    async page(member, { app, after, limit, waitSeconds, signal }) {
      demandOwn(member, app);
      const full = () => new Refusal('too-many-requests', undefined, { headers: { 'retry-after': '5' } });
      const wait = { milliseconds: waitSeconds * 1000, signal, caller: member.id, most: limits.waitsOfMember, full };
      const found = await arrivals.look(app, wait, () => shelves.up(app, after, limit));
      const messages = found.map(({ ref, box, name, id, at, expiresAt, sealed }) => ({
        ...{ ref, app, box, name, id, at, expiresAt, sealed },
      }));
      return {
        messages,
        cursor: messages.at(-1)?.ref ?? (after === '' ? null : after),
        expired: shelves.expiredUp(app),
      };
    },

    async acknowledge(member, app, refs) {
      demandOwn(member, app);
      await shelves.removeUp(app, refs);
    },

    async post(member, { app, box, name, id, expiresAt, sealed }) {
      demandOwn(member, app);
      return turns.take(`${app}!${id}`, async () => {
        const before = shelves.state(app, id);
        if (before && before.digest !== digestOf({ box, name, sealed })) throw new Refusal('message-id-used', id);
        if (before) return stateOf(id, before);
        const record = store.boxes.getSync(box);
        if (!record || record.revokedAt !== undefined || (await shelves.namesOf(box, app)) === 0)
          throw new Refusal('message-box-unknown', box);
        if (expiresAt <= clock.now()) throw new Refusal('message-expired', id);
        const { bytes, count } = usage.of(`down!${box}`);
        if (bytes + sealed.length > limits.bytesForBox || count >= limits.countForBox)
          throw new Refusal('inbox-full', box);
        if (usage.of(`member!${member.id}`).bytes + sealed.length > limits.bytesOfMember)
          throw new Refusal('mailbox-full');
        const end = Math.min(expiresAt, clock.now() + limits.keptMilliseconds);
        await shelves.putDown({ app, box, name, id, member: member.id, expiresAt: end, sealed });
        delivery.wake(box);
        return { id, state: 'waiting' };
      });
    },

    state(member, app, id) {
      demandOwn(member, app);
      const found = shelves.state(app, id);
      if (!found) throw new Refusal('message-unknown', id);
      return stateOf(id, found);
    },
  };

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const gone = await shelves.sweep(clock.now(), stopping.signal);
        if (gone > 0)
          events.record({ type: 'messages', text: `${gone} messages expired before their members fetched them` });
      } catch (error) {
        log.error({ err: error }, 'cannot clear messages that have expired');
      }
      await clock.sleep(sweepMilliseconds, stopping.signal);
    }
  }

  return {
    async receive({ box, topic, payload }) {
      const code = refusal(box);
      if (code) return events.refused(code, { box, detail: `${box}: what it says is dropped` });
      const { app, name } = topic;
      const read = parseJson(Parcel, payload);
      if (!read.ok) {
        totals.refused += 1;
        if (mayTell(box))
          events.refused('message-malformed', { box, detail: describeFaults(read.faults).slice(0, 300) });
        return;
      }
      const parcel = read.value;
      try {
        if (parcel.kind !== 'message') return await delivery.answered(box, app, parcel);
        const answer = await answerUp(box, topic, parcel);
        publish(buildTopic({ box, direction: 'down', kind: 'app', app, name }), JSON.stringify(answer));
      } catch (error) {
        log.error({ err: error, box }, 'cannot take what a box says of a message');
      }
    },
    changed: (box) => (online(box) ? delivery.born(box) : delivery.left(box)),
    async ended(box) {
      delivery.left(box);
      await shelves.forgetBox(box);
    },
    desk,
    declare: (app, callers) => declareMessageRoutes(app, { callers, desk }),
    counts: () => ({ up: usage.waiting('up'), down: usage.waiting('down'), ...totals }),
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      arrivals.stop();
      await delivery.stop();
      await running;
    },
  };
}

const stateOf = (id: string, { state, code }: { state: ParcelState['state']; code?: string }): ParcelState => ({
  id,
  state,
  ...(code === undefined ? {} : { code }),
});
