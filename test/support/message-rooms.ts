/**
 * A box's room of messages over a real store and keys, with a territory that was made for it, and the provider in the
 * hands of the test: what the box publishes lies in `sent`, what the test says is heard.
 */
import type { KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { type Files, files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { openBoxMessage, sealMemberMessage } from '#common/messages/seal.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { oids } from '#common/pki/oids.js';
import { certificateToPem } from '#common/pki/pem.js';
import type { PublicJwk } from '#contract/directory.js';
import { type BoxMessage, longestLifeSeconds, type Parcel } from '#contract/messages.js';
import type { Refusal } from '#contract/problems.js';
import type { AppBinding } from '../../agent/apps/installer.js';
import { createAboutKey } from '../../agent/identity/attest.js';
import type { Carrier } from '../../agent/messages/carrier.js';
import type { MessageLimits } from '../../agent/messages/limits.js';
import { createMessages, type MessageNews, type Messages } from '../../agent/messages/messages.js';
import { openStore } from '../../agent/store/store.js';
import { type Made, make } from './chains.js';
import { ownFolder } from './folder.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

const year = 365 * 86_400_000;
export const app = 'example.visits';
export const boxId = 'box-12345678';

/** A member with the key of its releases, and the one that messages are encrypted to. */
export async function testMaker(key = newPrivateKey(), messageKey = newPrivateKey()) {
  return { key, messageKey, jwk: await publicJwkOf(key), messageJwk: await publicJwkOf(messageKey) };
}
export type Maker = Awaited<ReturnType<typeof testMaker>>;

export async function testCa(box = boxId, now = Date.now()) {
  const during = { from: now - year, until: now + year };
  const root = await make({ name: 'root', ca: true, ...during });
  const issuing = await make({ name: 'issuing', by: root, ca: true, ...during });
  const leaf = await make({ name: box, by: issuing, ca: false, eku: [oids.clientAuth], ...during });
  return { root, issuing, leaf };
}

export interface TestClock extends Clock {
  trusted(): boolean;
  subscribe(listener: () => void): () => void;
  /** Moves it; sleeping goes by the clock of the machine. */
  set(now: number, trusted: boolean): void;
}

export function testClock(start = Date.now(), knows = true): TestClock {
  const listeners = new Set<() => void>();
  let [offset, trusted] = [start - Date.now(), knows];
  return {
    now: () => Date.now() + offset,
    sleep: systemClock.sleep,
    trusted: () => trusted,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(now, isKnown) {
      offset = now - Date.now();
      trusted = isKnown;
      for (const listener of [...listeners]) listener();
    },
  };
}

export interface Sent {
  name: string;
  app: string;
  parcel: Parcel;
}

export interface Rooms {
  messages: Messages;
  maker: Maker;
  root: Made;
  clock: TestClock;
  folder: string;
  refused: Refusal[];
  news: MessageNews[];
  sent: Sent[];
  granted: Set<string>;
  bindings: Map<string, AppBinding>;
  /** What the store does before it writes; throws to fail. */
  onCommit: { before?: (operations: readonly Operation[]) => void };
  /** A session with the provider begins. */
  connect(more?: { busy?: boolean; maxPacketBytes?: number; box?: string }): Promise<Carrier>;
  disconnect(byBroker?: boolean): Promise<void>;
  /** The parcels of this kind so far, once there are so many. */
  until(count: number, kind?: Parcel['kind'], of?: string): Promise<Sent[]>;
  /** The message with this id, once it is sent. */
  message(id: string): Promise<Sent>;
  hear(parcel: Parcel, at?: { app?: string; name?: string }): void;
  store(sent: Sent): void;
  open(sent: Sent, change?: Partial<Sent>): Promise<BoxMessage>;
  /** What the maker sends, to the key that the box named. */
  seal(more: {
    id: string;
    to: PublicJwk;
    name?: string;
    at?: number;
    lifeSeconds?: number;
    body?: unknown;
    app?: string;
    box?: string;
    key?: KeyObject;
    rotation?: string[];
  }): Promise<Extract<Parcel, { kind: 'message' }>>;
  /** Closes, and opens the same store again. */
  again(): Promise<void>;
  close(): Promise<void>;
}

export async function messageRooms(
  t: Teardown,
  wish: { clock?: TestClock; limits?: Partial<MessageLimits>; folder?: string; maker?: Maker; files?: Files } = {},
): Promise<Rooms> {
  const folder = wish.folder ?? (await ownFolder(t));
  const clock = wish.clock ?? testClock();
  const maker = wish.maker ?? (await testMaker());
  const ca = await testCa(boxId, clock.now());
  const about = createAboutKey();
  const chain = [ca.leaf, ca.issuing].map(({ certificate }) => certificateToPem(certificate.raw)).join('');
  const grantListeners = new Set<() => void>();
  let store = await openStore(folder);
  let carrier: Carrier | undefined;
  let isOpen = true;

  const rooms: Rooms = {
    messages: undefined as unknown as Messages,
    ...{ maker, root: ca.root, clock, folder, refused: [], news: [], sent: [] },
    granted: new Set([app, 'example.other']),
    bindings: new Map(),
    onCommit: {},
    async connect({ busy = false, maxPacketBytes = 256 * 1024, box = boxId } = {}) {
      carrier = rooms.messages.open({
        ...{ box, maxPacketBytes },
        async publish(to, payload) {
          rooms.sent.push({ ...to, parcel: JSON.parse(payload) as Parcel });
        },
        isBusy: () => busy,
      });
      return carrier;
    },
    async disconnect(byBroker = false) {
      await carrier?.stop({ byBroker });
      carrier = undefined;
    },
    async until(count, kind = 'message', of) {
      for (;;) {
        const found = rooms.sent.filter(({ parcel, app: its }) => parcel.kind === kind && its === (of ?? its));
        if (found.length >= count) return found;
        await delay(5); // a look, not an event
      }
    },
    async message(id) {
      for (;;) {
        const found = rooms.sent.find(({ parcel }) => parcel.kind === 'message' && parcel.id === id);
        if (found) return found;
        await delay(5); // a look, not an event
      }
    },
    hear(parcel, at = {}) {
      carrier?.heard({ app: at.app ?? app, name: at.name ?? 'note' }, Buffer.from(JSON.stringify(parcel)));
    },
    store({ app: its, name, parcel }) {
      rooms.hear({ kind: 'stored', id: parcel.id }, { app: its, name });
    },
    async open(sent, change = {}) {
      const { app: its, name, parcel } = { ...sent, ...change };
      if (parcel.kind !== 'message') throw new Error('no message');
      const opened = await openBoxMessage(parcel.sealed, {
        place: { id: parcel.id, app: its, box: boxId, name },
        keys: new Map([[maker.messageJwk.kid, maker.messageKey]]),
        anchors: [ca.root.certificate],
        now: clock.now(),
      });
      if (!opened.ok) throw new Error(`${opened.code}: ${opened.detail}`);
      return opened.value;
    },
    async seal(more) {
      const at = more.at ?? clock.now();
      const expiresAt = at + (more.lifeSeconds ?? longestLifeSeconds) * 1000;
      const { id, name = 'note', app: its = app, box = boxId, key = maker.key, rotation = [], to } = more;
      const head = { id, app: its, box, name, at, expiresAt, contentType: 'application/json' };
      const body = Buffer.from(JSON.stringify(more.body ?? { hello: id }));
      const sealed = await sealMemberMessage({ ...head, body }, { to, key, rotation });
      return { kind: 'message', id, expiresAt, sealed };
    },
    async again() {
      await rooms.close();
      store = await openStore(folder);
      await open();
    },
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await rooms.disconnect();
      await rooms.messages.stop();
      await store.close();
    },
  };

  async function open(): Promise<void> {
    rooms.messages = await createMessages({
      ...{ dataDir: folder, files: wish.files ?? files, clock },
      store: {
        db: store.db,
        async commit(operations) {
          rooms.onCommit.before?.(operations);
          await store.commit(operations);
        },
      },
      bindingOf: (its) => rooms.bindings.get(its),
      mayUse: (its) => rooms.granted.has(its),
      onGrantChange(listener) {
        grantListeners.add(listener);
        return () => grantListeners.delete(listener);
      },
      async signing() {
        const who = { key: ca.leaf.key, chain };
        return { box: boxId, territory: 'test', key: ca.leaf.key, ...(await about(who)) };
      },
      onRefused: (refusal) => rooms.refused.push(refusal),
      ...(wish.limits && { limits: wish.limits }),
    });
    rooms.messages.onNews((news) => rooms.news.push(news));
    rooms.messages.start();
    isOpen = true;
  }

  for (const its of [app, 'example.other'])
    rooms.bindings.set(its, {
      ...{ release: 'a'.repeat(64), version: '1.0.0', member: 'acme', key: maker.messageJwk, bound: maker.jwk },
    });
  await open();
  t.teardown(() => rooms.close());
  return rooms;
}
