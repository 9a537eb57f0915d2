/**
 * The order of one session. What a box publishes goes from its socket straight to who stores it, and its PUBACK goes
 * straight back; all else is the broker's. Nothing overtakes: what comes behind a message waits until that is stored,
 * what comes before the session is let in waits for that, and PUBACKs go out in the order of coming [MQTT-4.6.0-2], as
 * many as are due at once in one write.
 */
import type { Publish, Sink } from './framing.js';

export interface Session {
  /** Resolves when it is stored; rejects when the session must end. */
  take(packet: Publish): Promise<void>;
  /** For the broker; null at the end of the stream. */
  pass(bytes: Buffer | null): void;
  send(bytes: Buffer): void;
  fail(error: Error): void;
  /** More can be read again. */
  ready(): void;
}

interface Taken {
  messageId: number;
  stored: boolean;
}

/** So much of one box may be on its way to the store. */
const mostMessages = 64;
const mostBytes = 64 * 1024;

export class Intake implements Sink {
  readonly #session: Session;
  #open = false;
  #ended = false;
  /** What may not go yet. */
  #held: (Publish | Buffer | null)[] = [];
  /** Not acknowledged, in the order of coming. */
  #taken: Taken[] = [];
  #bytes = 0;
  #flushing = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Whether no more should be read. */
  get full(): boolean {
    return this.#held.length > 0 || this.#taken.length >= mostMessages || this.#bytes >= mostBytes;
  }

  /** Whether nothing waits. */
  get idle(): boolean {
    return this.#held.length === 0 && this.#taken.length === 0;
  }

  publish(packet: Publish): void {
    if (this.#held.length > 0 || !this.#open) this.#held.push(packet);
    else this.#take(packet);
  }

  other(bytes: Buffer): void {
    this.#passOn(bytes);
  }

  end(): void {
    this.#passOn(null);
  }

  /** The session is let in. */
  open(): void {
    this.#open = true;
    this.#work();
  }

  /** The connection is gone: what waits is not taken any more. */
  stop(): void {
    this.#ended = true;
    this.#held = [];
  }

  #passOn(bytes: Buffer | null): void {
    if (this.idle) this.#session.pass(bytes);
    else this.#held.push(bytes);
  }

  #work(): void {
    let count = 0;
    for (const next of this.#held) {
      const isPublish = next !== null && 'topic' in next;
      if (this.#ended || (isPublish ? !this.#open : this.#taken.length > 0)) break;
      count += 1;
      if (isPublish) this.#take(next);
      else this.#session.pass(next);
    }
    if (count > 0) this.#held = this.#held.slice(count);
  }

  #take(packet: Publish): void {
    if (this.#ended) return;
    const taken: Taken = { messageId: packet.messageId, stored: false };
    const size = packet.payload.length;
    this.#taken.push(taken);
    this.#bytes += size;
    this.#session.take(packet).then(
      () => {
        taken.stored = true;
        this.#bytes -= size;
        if (this.#flushing) return;
        this.#flushing = true;
        process.nextTick(() => this.#flush()); // behind all that the same commit has stored
      },
      (error) => this.#session.fail(error instanceof Error ? error : new Error(String(error))),
    );
  }

  #flush(): void {
    this.#flushing = false;
    let count = 0;
    const ids: number[] = [];
    for (const { messageId, stored } of this.#taken) {
      if (!stored) break;
      count += 1;
      if (messageId > 0) ids.push(0x40, 2, messageId >> 8, messageId & 0xff); // PUBACK
    }
    if (count === 0) return;
    this.#taken = count === this.#taken.length ? [] : this.#taken.slice(count);
    if (ids.length > 0) this.#session.send(Buffer.from(ids));
    this.#work();
    if (!this.full) this.#session.ready();
  }
}
