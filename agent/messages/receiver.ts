/** Takes what the provider brings for an app, or says why not: nothing is believed that the app's member did not sign. */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { isDiskFull } from '#common/database.js';
import { bodyOf, openMemberMessage } from '#common/messages/seal.js';
import { PublicJwk } from '#contract/directory.js';
import { isPassingRefusal, MessageName, type Parcel } from '#contract/messages.js';
import { check } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { AppBinding } from '../apps/installer.js';
import type { AppKeys } from './app-keys.js';
import type { Inbox } from './inbox.js';
import type { Tallies } from './tallies.js';

export interface Receiver {
  /** Answers what the provider is told. */
  take(
    place: { box: string; app: string; name: string },
    parcel: Extract<Parcel, { kind: 'message' }>,
  ): Promise<Parcel>;
  forget(app: string): Promise<void>;
}

/** A later key of the member's that a message has led to: from then on an earlier one counts no more. */
const Followed = Type.Object({ bound: Type.String(), jwk: PublicJwk });
type Followed = Static<typeof Followed>;

export async function createReceiver({
  store,
  keys,
  inbox,
  tallies,
  bindingOf,
  mayUse,
  clock,
  arrived,
}: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  keys: AppKeys;
  inbox: Inbox;
  tallies: Tallies;
  bindingOf: (app: string) => AppBinding | undefined;
  mayUse: (app: string) => boolean;
  clock: { now(): number; trusted(): boolean };
  arrived: (app: string, message: { id: string; name: string }) => void;
}): Promise<Receiver> {
  const sublevel = store.db.sublevel<string, unknown>('message-members', { valueEncoding: 'json' });
  const followed = new Map<string, Followed>();
  for await (const [app, value] of sublevel.iterator()) {
    const read = check(Followed, value);
    if (read.ok) followed.set(app, read.value);
  }

  async function follow(app: string, bound: PublicJwk, jwk: PublicJwk): Promise<void> {
    const before = followed.get(app);
    if (jwk.kid === (before?.bound === bound.kid ? before.jwk.kid : bound.kid)) return;
    const value: Followed = { bound: bound.kid, jwk };
    await store.commit([{ type: 'put', sublevel, key: app, value }]);
    followed.set(app, value);
  }

  /** @throws Refusal why it is not taken */
  async function open(
    { box, app, name }: { box: string; app: string; name: string },
    { id, sealed }: Extract<Parcel, { kind: 'message' }>,
  ): Promise<void> {
    const binding = bindingOf(app);
    if (!binding || !check(MessageName, name).ok) throw new Refusal('app-unknown', app);
    if (!mayUse(app)) throw new Refusal('grant-missing', 'messages');
    const key = await keys.find(app);
    if (!key) throw new Refusal('message-unreadable', 'no key was ever given for it');
    const later = followed.get(app);
    const opened = await openMemberMessage(sealed, {
      place: { id, app, box, name },
      keys: new Map([[key.jwk.kid, key.key]]),
      bound: later?.bound === binding.bound.kid ? later.jwk : binding.bound,
      member: binding.member,
      now: clock.now(),
      trusted: clock.trusted(),
    });
    if (!opened.ok) throw new Refusal(opened.code, opened.detail);
    const { message, jwk } = opened.value;
    if (inbox.knows(app, message)) return;
    await follow(app, binding.bound, jwk);
    await inbox.take(app, message, bodyOf(message));
    arrived(app, message);
  }

  return {
    async take(place, parcel) {
      const { id } = parcel;
      try {
        await open(place, parcel);
        return { kind: 'stored', id };
      } catch (error) {
        const code: ProblemCode = error instanceof Refusal ? error.code : isDiskFull(error) ? 'disk-full' : 'internal';
        const { app } = place;
        if (!isPassingRefusal(code) && bindingOf(app)) await store.commit([tallies.count(app, 'incoming', code, 1)]);
        return { kind: 'refused', id, code };
      }
    },
    async forget(app) {
      await store.commit([{ type: 'del', sublevel, key: app }]);
      followed.delete(app);
    },
  };
}
