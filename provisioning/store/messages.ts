/** What is stored of messages of apps, until whom they are for has them. */
import type { Database } from '#common/commits.js';
import { sublevel } from './sublevel.js';

/** A message of a box, until its member has acknowledged it. Keyed by `{app}!{order, 16 digits}`. */
export interface UpMessage {
  box: string;
  member: string;
  name: string;
  id: string;
  at: number;
  expiresAt: number;
  sealed: string;
}

/** A message for a box, until that has it. Keyed by `{box}!{order, 16 digits}!{app}!{name}`. */
export interface DownMessage {
  member: string;
  id: string;
  expiresAt: number;
  sealed: string;
}

/** What became of a message for a box. Keyed by `{app}!{id}`. */
export interface DownState {
  state: 'waiting' | 'delivered' | 'refused' | 'expired';
  code?: string;
  box: string;
  /** Where it waits. */
  place: string;
  expiresAt: number;
  /** Of what was sent: the same again is the same message. */
  digest: string;
}

export interface MessageUsage {
  bytes: number;
  count: number;
}

export const messageSublevels = (db: Database) => ({
  messagesUp: sublevel<UpMessage>(db, 'messagesup'),
  messagesDown: sublevel<DownMessage>(db, 'messagesdown'),
  messageStates: sublevel<DownState>(db, 'messagestates'),
  /** `{box}!{app}!{name}` to the last number of the stream that is here. */
  messageStreams: sublevel<{ stream: string; last: number }>(db, 'messagestreams'),
  /** `{time, 16 digits}!{up|down|state}!{key there}`: when it goes. */
  messageEnds: sublevel<true>(db, 'messageends'),
  messageUsage: sublevel<MessageUsage>(db, 'messageusage'),
  /** `order`: the last that was given; `expired!{app}`: how many nobody fetched. */
  messageMeta: sublevel<number>(db, 'messagemeta'),
});

export type MessageStore = Readonly<ReturnType<typeof messageSublevels>>;
