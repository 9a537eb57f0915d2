/**
 * Messages as the store keeps them until who they are for has them: those of boxes by app, those for boxes by box, each in
 * the order in which they came. A message, what it counts for and when it is over stand in one synced batch.
 */
import { createHash } from 'node:crypto';
import type { Operation } from '#common/commits.js';
import { sequenceOf } from '#contract/messages.js';
import type { DownMessage, DownState, UpMessage } from '../store/messages.js';
import type { Store } from '../store/store.js';
import type { Usage, UsageKey } from './usage.js';

export interface NewUp extends Omit<UpMessage, 'at'> {
  app: string;
}

export interface NewDown extends DownMessage {
  app: string;
  box: string;
  name: string;
}

export interface Waiting extends DownMessage {
  place: string;
  app: string;
  name: string;
}

export interface Shelves {
  /** Whether the box has said so much of this stream already. */
  knowsUp(message: Pick<NewUp, 'app' | 'box' | 'name' | 'id'>): boolean;
  isNewName(message: Pick<NewUp, 'app' | 'box' | 'name'>): boolean;
  /** How many names the box has used for the app. */
  namesOf(box: string, app: string): Promise<number>;
  putUp(message: NewUp, at: number): Promise<void>;
  up(app: string, after: string, limit: number): Promise<(UpMessage & { ref: string })[]>;
  removeUp(app: string, refs: readonly string[]): Promise<void>;
  expiredUp(app: string): number;

  putDown(message: NewDown): Promise<void>;
  state(app: string, id: string): DownState | undefined;
  /** The oldest for the box of each app and name whose lane is not busy. */
  nextDown(box: string, busy: ReadonlySet<string>, most: number): Promise<Waiting[]>;
  /** It is over, one way or the other. */
  settleDown(
    app: string,
    id: string,
    end: { state: 'delivered' | 'refused' | 'expired'; code?: string },
  ): Promise<void>;
  /** The box is gone, and what waits for it. */
  forgetBox(box: string): Promise<void>;
  /** What is over goes. Answers how many messages of boxes were given up. */
  sweep(now: number, signal: AbortSignal): Promise<number>;
}

/** What became of a message is told for so long after its life. */
const statesKept = 86_400_000;
const pad = (number: number): string => String(number).padStart(16, '0');
export const digestOf = ({ box, name, sealed }: Pick<NewDown, 'box' | 'name' | 'sealed'>): string =>
  createHash('sha256').update(`${box}\n${name}\n${sealed}`).digest('hex');

const upUses = ({ box, member }: Pick<UpMessage, 'box' | 'member'>): UsageKey[] => [`up!${box}`, `member!${member}`];
const downUses = (box: string, { member }: Pick<DownMessage, 'member'>): UsageKey[] => [
  `down!${box}`,
  `member!${member}`,
];
const bytesOf = ({ sealed }: { sealed: string }): number => sealed.length;

export async function openShelves({ store, usage }: { store: Store; usage: Usage }): Promise<Shelves> {
  const { messagesUp, messagesDown, messageStates, messageStreams, messageEnds, messageMeta } = store;
  let order = (await messageMeta.get('order')) ?? 0;

  const endKey = (at: number, kind: 'up' | 'down' | 'state', place: string): string => `${pad(at)}!${kind}!${place}`;
  const putEnd = (...end: Parameters<typeof endKey>): Operation => ({
    type: 'put',
    sublevel: messageEnds,
    key: endKey(...end),
    value: true,
  });
  const delEnd = (...end: Parameters<typeof endKey>): Operation => ({
    type: 'del',
    sublevel: messageEnds,
    key: endKey(...end),
  });
  function nextOrder(): { ref: string; operation: Operation } {
    order += 1;
    return { ref: pad(order), operation: { type: 'put', sublevel: messageMeta, key: 'order', value: order } };
  }

  async function counted(keys: UsageKey[], bytes: number, count: 1 | -1, operations: Operation[]): Promise<void> {
    const counting = usage.change(keys, bytes, count);
    try {
      await store.commit([...operations, ...counting]);
    } catch (error) {
      usage.change(keys, bytes, count === 1 ? -1 : 1);
      throw error;
    }
  }

  const streamKey = ({ box, app, name }: Pick<NewUp, 'app' | 'box' | 'name'>): string => `${box}!${app}!${name}`;

  /** What is being removed is counted out once, whoever else removes it. */
  const going = new Set<string>();
  async function drop(place: string, uses: UsageKey[], bytes: number, operations: Operation[]): Promise<void> {
    if (going.has(place)) return;
    going.add(place);
    try {
      await counted(uses, bytes, -1, operations);
    } finally {
      going.delete(place);
    }
  }

  const dropUp = (place: string, message: UpMessage, more: Operation[] = []): Promise<void> =>
    drop(place, upUses(message), bytesOf(message), [
      { type: 'del', sublevel: messagesUp, key: place },
      delEnd(message.expiresAt, 'up', place),
      ...more,
    ]);

  const dropDown = (place: string, message: DownMessage, more: Operation[]): Promise<void> =>
    drop(place, downUses(place.split('!')[0] ?? '', message), bytesOf(message), [
      { type: 'del', sublevel: messagesDown, key: place },
      delEnd(message.expiresAt, 'down', place),
      ...more,
    ]);

  const settled = (key: string, before: DownState, end: Pick<DownState, 'state' | 'code'>): Operation => ({
    type: 'put',
    sublevel: messageStates,
    key,
    value: { ...before, ...end },
  });

  async function sweepOne(kind: string, place: string): Promise<'up' | undefined> {
    if (kind === 'up') {
      const message = messagesUp.getSync(place);
      if (!message) return undefined;
      const [app = ''] = place.split('!');
      const key = `expired!${app}`;
      const value = (messageMeta.getSync(key) ?? 0) + 1;
      await dropUp(place, message, [{ type: 'put', sublevel: messageMeta, key, value }]);
      return 'up';
    }
    const message = kind === 'down' ? messagesDown.getSync(place) : undefined;
    const [, , app = ''] = place.split('!');
    const state = message && messageStates.getSync(`${app}!${message.id}`);
    if (message)
      await dropDown(place, message, state ? [settled(`${app}!${message.id}`, state, { state: 'expired' })] : []);
    if (kind === 'state') await store.commit([{ type: 'del', sublevel: messageStates, key: place }]);
    return undefined;
  }

  return {
    knowsUp(message) {
      const known = messageStreams.getSync(streamKey(message));
      const { stream, sequence } = sequenceOf(message.id);
      return known !== undefined && known.stream === stream && sequence <= known.last;
    },

    isNewName: (message) => messageStreams.getSync(streamKey(message)) === undefined,

    namesOf: async (box, app) =>
      (await messageStreams.keys({ gte: `${box}!${app}!`, lt: `${box}!${app}"`, limit: 1000 }).all()).length,

    async putUp(message, at) {
      const { app, ...rest } = message;
      const { ref, operation } = nextOrder();
      const { stream, sequence: last } = sequenceOf(message.id);
      const place = `${app}!${ref}`;
      await counted(upUses(message), bytesOf(message), 1, [
        { type: 'put', sublevel: messagesUp, key: place, value: { ...rest, at } },
        { type: 'put', sublevel: messageStreams, key: streamKey(message), value: { stream, last } },
        putEnd(message.expiresAt, 'up', place),
        operation,
      ]);
    },

    async up(app, after, limit) {
      const range = { gt: `${app}!${after}`, lt: `${app}"`, limit };
      const entries = await messagesUp.iterator(range).all();
      return entries.map(([place, message]) => ({ ...message, ref: place.slice(app.length + 1) }));
    },

    async removeUp(app, refs) {
      await Promise.all(
        [...new Set(refs)].map(async (ref) => {
          const message = messagesUp.getSync(`${app}!${ref}`);
          if (message) await dropUp(`${app}!${ref}`, message);
        }),
      );
    },

    expiredUp: (app) => messageMeta.getSync(`expired!${app}`) ?? 0,

    async putDown({ app, box, name, ...message }) {
      const { ref, operation } = nextOrder();
      const place = `${box}!${ref}!${app}!${name}`;
      const { expiresAt, id, sealed } = message;
      const state: DownState = { state: 'waiting', box, place, expiresAt, digest: digestOf({ box, name, sealed }) };
      await counted(downUses(box, message), bytesOf(message), 1, [
        { type: 'put', sublevel: messagesDown, key: place, value: message },
        { type: 'put', sublevel: messageStates, key: `${app}!${id}`, value: state },
        putEnd(expiresAt, 'down', place),
        putEnd(expiresAt + statesKept, 'state', `${app}!${id}`),
        operation,
      ]);
    },

    state: (app, id) => messageStates.getSync(`${app}!${id}`),

    async nextDown(box, busy, most) {
      const taken = new Set(busy);
      const found: Waiting[] = [];
      for await (const place of messagesDown.keys({ gte: `${box}!`, lt: `${box}"` })) {
        const [, , app = '', name = ''] = place.split('!');
        const lane = `${app}/${name}`;
        if (taken.has(lane)) continue;
        taken.add(lane);
        const message = messagesDown.getSync(place);
        if (message) found.push({ ...message, place, app, name });
        if (found.length >= most) break;
      }
      return found;
    },

    async settleDown(app, id, end) {
      const key = `${app}!${id}`;
      const state = messageStates.getSync(key);
      const message = state && messagesDown.getSync(state.place);
      if (state && message) await dropDown(state.place, message, [settled(key, state, end)]);
    },

    async forgetBox(box) {
      for await (const [place, message] of messagesDown.iterator({ gte: `${box}!`, lt: `${box}"` })) {
        const [, , app = ''] = place.split('!');
        const key = `${app}!${message.id}`;
        const state = messageStates.getSync(key);
        await dropDown(place, message, state ? [settled(key, state, { state: 'refused', code: 'box-revoked' })] : []);
      }
      const streams = await messageStreams.keys({ gte: `${box}!`, lt: `${box}"` }).all();
      await store.commit(streams.map((key) => ({ type: 'del', sublevel: messageStreams, key })));
    },

    async sweep(now, signal) {
      let gone = 0;
      for await (const key of messageEnds.keys({ lt: pad(now + 1) })) {
        if (signal.aborted) break;
        const [, kind = '', ...place] = key.split('!');
        if ((await sweepOne(kind, place.join('!'))) === 'up') gone += 1;
        await store.commit([{ type: 'del', sublevel: messageEnds, key }]);
      }
      return gone;
    },
  };
}
