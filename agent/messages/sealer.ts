/** Makes what travels of what waits: signed with the box's key, encrypted to the key that the app's release names. */
import type { KeyObject } from 'node:crypto';
import { sealBoxMessage } from '#common/messages/seal.js';
import type { Signer } from '#common/pki/keys.js';
import type { ProblemCode } from '#contract/problems.js';
import type { AppBinding } from '../apps/installer.js';
import type { AppKeys } from './app-keys.js';
import type { Queue, Queued } from './queue.js';

/** Who the box is. */
export interface Signing {
  box: string;
  territory: string;
  key: KeyObject | Signer;
  kid: string;
  /** Its chain, leaf first, DER in base64. */
  x5c: readonly string[];
}

export interface Sealer {
  /** Undefined when it cannot go now, or is gone; a code when it never will. */
  seal(queued: Queued): Promise<{ box: string; sealed: string; expiresAt: number } | ProblemCode | undefined>;
}

export function createSealer({
  keys,
  queue,
  bindingOf,
  signing,
  clock,
}: {
  keys: AppKeys;
  queue: Queue;
  bindingOf: (app: string) => AppBinding | undefined;
  signing: () => Promise<Signing | undefined>;
  clock: { now(): number };
}): Sealer {
  return {
    async seal(queued) {
      const { app, id, name, at, time, release, version, contentType, datedAt, lifeSeconds } = queued;
      const to = bindingOf(app)?.key;
      const who = await signing();
      if (!who || datedAt === null) return undefined;
      if (!to) return 'messages-unreleased'; // the release that runs now has no server to write to
      const own = await keys.find(app);
      const body = await queue.body(queued);
      // A damaged disk: what cannot be read any more holds up nothing.
      if (!own || !body) return queue.find(app, id) ? 'message-unreadable' : undefined;
      const { box, territory, ...by } = who;
      const expiresAt = datedAt + lifeSeconds * 1000;
      const said = { id, app, box, territory, release, version, name, at, time, expiresAt, contentType };
      const message = { ...said, signedAt: clock.now(), reply: own.jwk, body };
      return { box, expiresAt, sealed: await sealBoxMessage(message, { to, ...by }) };
    },
  };
}
