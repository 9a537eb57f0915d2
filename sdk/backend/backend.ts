/**
 * Messages with an app, for its maker's server: fetched from the provider of a territory, decrypted, verified, answered.
 *
 *     const backend = await openBackend({ app: 'example.visits', member: '/etc/webizen' });
 *     for await (const message of backend.follow({ signal })) {
 *       await message.reply({ count: 1 });
 *       await message.done();
 *     }
 *
 * Who carries messages is believed in nothing: what is signed says which box, app, release and name a message is of, its
 * number tells one that came before, and one that is missing. A box of the territory is what the territory's root says is
 * one; a back end that would rather not believe that twice refuses a box whose key changes (`isNewKey`).
 */
import { type KeyObject, randomBytes, type X509Certificate } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Files, files as realFiles } from '#common/files.js';
import { bodyOf, openBoxMessage, sealMemberMessage } from '#common/messages/seal.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import {
  type BoxMessage,
  longestLifeSeconds,
  longestWaitSeconds,
  maxMessageBytes,
  memberMessagesPath,
  type NewParcel,
  ParcelPage,
  ParcelState,
  type StoredParcel,
  sequenceOf,
} from '#contract/messages.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { createHttps, type Https, type Reply, refuseOf } from '../publish/https.js';
import { memberFolder, membershipIn } from '../publish/member-folder.js';
import { type Prove, provedCall, proverOf, readReply } from '../publish/proved.js';
import { messageKeysIn } from './key-file.js';
import { type Memory, memoryInFile } from './memory.js';

export interface Answer {
  /** Any JSON; or bytes, with their content type. */
  body: unknown;
  contentType?: string;
  /** Another one than that of the message. */
  name?: string;
  lifeSeconds?: number;
}

export interface Message extends Omit<BoxMessage, 'body' | 'to' | 'reply' | 'signedAt'> {
  body: Buffer;
  json(): unknown;
  /** How many of its stream are missing before it: given up on the box, or kept back on the way. */
  missed: number;
  /** The box answers to another key than before: the app was installed anew, or somebody plays the box. */
  isNewKey: boolean;
  reply(body: unknown, more?: Omit<Answer, 'body'>): Promise<ParcelState>;
  /** It is taken care of, and with it what came before it under its name: none of them comes again. */
  done(): Promise<void>;
}

/** What came and cannot be believed. It is put away; `parcel` is as it was carried. */
export interface Disbelieved {
  code: ProblemCode;
  detail: string;
  parcel: StoredParcel;
}

export interface Backend {
  /**
   * Each message in its order, until the signal aborts: again after a restart, unless it is done. While the provider
   * cannot be reached it is tried again.
   */
  follow(wish: {
    signal: AbortSignal;
    onDisbelieved?: (one: Disbelieved) => void;
    onTrouble?: (error: unknown) => void;
  }): AsyncIterable<Message>;
  /** To a box that has written. The same id again is the same message. @throws Refusal `message-box-unknown`, … */
  send(box: string, answer: Answer & { name: string; id?: string }): Promise<ParcelState>;
  /** What became of a message. */
  state(id: string): Promise<ParcelState>;
  close(): void;
}

const retryMilliseconds = 5000;

const streamOf = ({ box, app, name, id }: Pick<StoredParcel, 'box' | 'app' | 'name' | 'id'>): string =>
  `${box}/${app}/${name}/${sequenceOf(id).stream}`;

export function createBackend(uses: {
  app: string;
  /** Private, by `kid`. */
  keys: ReadonlyMap<string, KeyObject>;
  member: { key: KeyObject; rotation: readonly string[] };
  /** The territory's roots. */
  anchors: readonly X509Certificate[];
  https: Https;
  prove: Prove;
  memory: Memory;
  now?: () => number;
}): Backend {
  const { app, keys, member, anchors, https, memory, now = Date.now } = uses;
  let remembered: ReturnType<Memory['load']> | undefined;
  const known = () => {
    remembered ??= memory.load();
    return remembered;
  };

  const call = (wish: Parameters<typeof provedCall>[1]): Promise<Reply> => provedCall(uses, wish);
  const post = async (place: string, body: unknown): Promise<Reply> => {
    const headers = { 'content-type': 'application/json' };
    const reply = await call({ method: 'POST', path: place, headers, body: JSON.stringify(body) });
    return reply.status < 300 ? reply : refuseOf(reply);
  };

  async function page(after: string | null, waitSeconds: number): Promise<ParcelPage> {
    const query = new URLSearchParams({ app, waitSeconds: String(waitSeconds), ...(after === null ? {} : { after }) });
    const reply = await call({ method: 'GET', path: `${memberMessagesPath}?${query.toString()}` });
    return reply.status === 200 ? readReply(ParcelPage, reply) : refuseOf(reply);
  }
  const acknowledge = async ({ ref }: StoredParcel): Promise<void> =>
    void (await post(`${memberMessagesPath}/acknowledge`, { app, refs: [ref] }));

  async function send(
    box: string,
    { name, id: given, lifeSeconds = longestLifeSeconds, ...answer }: Answer & { name: string; id?: string },
  ) {
    const to = (await known()).replies[`${box}/${app}`];
    if (!to) throw new Refusal('message-box-unknown', box);
    const isBytes = answer.body instanceof Uint8Array;
    const body = isBytes ? Buffer.from(answer.body as Uint8Array) : Buffer.from(JSON.stringify(answer.body));
    if (body.length > maxMessageBytes)
      throw new Refusal('message-too-large', `${body.length} of ${maxMessageBytes} bytes`);
    const contentType = answer.contentType ?? (isBytes ? 'application/octet-stream' : 'application/json');
    const at = now();
    const id = given ?? randomBytes(16).toString('hex');
    const head = { id, app, box, name, at, expiresAt: at + lifeSeconds * 1000 };
    const sealed = await sealMemberMessage({ ...head, contentType, body }, { to, ...member });
    const parcel: NewParcel = { app, box, name, id, expiresAt: head.expiresAt, sealed };
    return readReply(ParcelState, await post(memberMessagesPath, parcel));
  }

  /** How far its stream has come, before it. */
  async function lastOf(parcel: StoredParcel): Promise<number> {
    return (await known()).streams[streamOf(parcel)] ?? 0;
  }

  async function done(parcel: StoredParcel): Promise<void> {
    const all = await known();
    const { sequence } = sequenceOf(parcel.id);
    const stream = streamOf(parcel);
    all.streams[stream] = Math.max(all.streams[stream] ?? 0, sequence);
    await memory.save(all);
    await acknowledge(parcel);
  }

  /** What answers are encrypted to from now on, and whether it was another before. */
  async function learn({ box, reply }: BoxMessage): Promise<boolean> {
    const all = await known();
    const before = all.replies[`${box}/${app}`];
    if (before?.kid === reply.kid) return false;
    all.replies[`${box}/${app}`] = reply;
    await memory.save(all);
    return before !== undefined;
  }

  /** @param here how far each stream has come in this following */
  async function open(parcel: StoredParcel, here: Map<string, number>): Promise<Message | Omit<Disbelieved, 'parcel'>> {
    const opened = await openBoxMessage(parcel.sealed, { place: parcel, keys, anchors, now: now() });
    if (!opened.ok) return opened;
    const last = Math.max(await lastOf(parcel), here.get(streamOf(parcel)) ?? 0);
    const { sequence } = sequenceOf(parcel.id);
    if (sequence <= last) return { code: 'message-replayed', detail: `${sequence} after ${last}` };
    here.set(streamOf(parcel), sequence);
    const { body: _, to: _to, reply: _reply, signedAt: _at, ...said } = opened.value;
    const body = bodyOf(opened.value);
    return {
      ...said,
      body,
      json: () => JSON.parse(body.toString('utf8')) as unknown,
      missed: sequence - last - 1,
      isNewKey: await learn(opened.value),
      reply: (answer, more = {}) => send(said.box, { name: said.name, ...more, body: answer }),
      done: () => done(parcel),
    };
  }

  return {
    async *follow({ signal, onDisbelieved, onTrouble }) {
      let cursor: string | null = null;
      const here = new Map<string, number>();
      while (!signal.aborted) {
        let found: ParcelPage;
        try {
          found = await page(cursor, longestWaitSeconds);
        } catch (error) {
          if (error instanceof Refusal && error.status < 500 && error.status !== 429) throw error;
          onTrouble?.(error);
          await delay(retryMilliseconds, undefined, { signal }).catch(() => {});
          continue;
        }
        for (const parcel of found.messages) {
          if (signal.aborted) return;
          const opened = await open(parcel, here);
          if ('code' in opened) {
            // One that came before was put away before: its acknowledgement was lost. Whatever it is, it holds up no other.
            onDisbelieved?.({ ...opened, parcel });
            await acknowledge(parcel).catch((error: unknown) => onTrouble?.(error));
          } else yield opened;
        }
        cursor = found.cursor ?? cursor;
      }
    },
    send,
    async state(id) {
      const query = new URLSearchParams({ app });
      const reply = await call({ method: 'GET', path: `${memberMessagesPath}/${id}?${query.toString()}` });
      return reply.status === 200 ? readReply(ParcelState, reply) : refuseOf(reply);
    },
    close: () => https.close(),
  };
}

export const messageKeyFile = (member: string, app: string): string => path.join(member, `messages-${app}.json`);

/**
 * With what `webizen member` and `webizen app messages keygen` keep in the member's folder.
 * @throws Refusal `membership-missing`, `catalogue-unnamed`, `file-unreadable`
 */
export async function openBackend(wish: {
  app: string;
  /** The member's folder. */
  member: string;
  files?: Files;
  /** Instead of what the folder remembers. */
  territory?: { origin: string; ca: string } | undefined;
}): Promise<Backend> {
  const { app, files = realFiles } = wish;
  const folder = memberFolder({ directory: wish.member, files });
  const held = await membershipIn(folder);
  const settings = await folder.settings();
  const { origin, ca } = wish.territory ?? { origin: settings.catalogue, ca: settings.ca };
  if (origin === undefined || ca === undefined) throw new Refusal('catalogue-unnamed');
  return createBackend({
    app,
    keys: await messageKeysIn(files, messageKeyFile(wish.member, app)),
    member: held,
    anchors: certificatesFromPem(ca),
    https: createHttps({ origin, ca }),
    prove: proverOf(held),
    memory: memoryInFile(files, path.join(wish.member, `messages-${app}.state.json`)),
  });
}
