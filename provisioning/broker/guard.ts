/**
 * Stands between a box's socket and the broker's parser, which by itself buffers an unfinished packet without end and
 * waits for a client that does not read. What the box publishes never gets to that parser: see intake.ts.
 * Everything that is counted per second or waits for a deadline is counted by
 * `tick`, which the broker calls once a second for all guards: no timer and no clock in the way of the bytes.
 */
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createFraming, type Fault, type Framing, type Publish } from './framing.js';
import { Intake } from './intake.js';
import type { Limits } from './limits.js';

type Done = (error?: Error | null) => void;

export interface GuardParts {
  limits: Limits;
  /** Told why the connection ends, or is slowed; the guard itself then does it. */
  refuse: (fault: Fault) => void;
  /** Resolves when what the box has published is stored; rejects when its session must end. */
  take: (packet: Publish) => Promise<void>;
}

export class Guard extends Duplex {
  readonly #socket: TLSSocket;
  readonly #limits: Limits;
  readonly #framing: Framing;
  readonly #intake: Intake;
  readonly #refuse: (fault: Fault) => void;
  #alive: { timer: NodeJS.Timeout; milliseconds: number } | undefined;
  #heardAt = 0;
  /** The broker has enough to read. */
  #isBacked = false;
  #packetsLeft: number;
  #bytesLeft: number;
  #ticks = 0;
  #unfinished = { packet: 0, ticks: 0 };
  #closingTicks = 0;
  #slowed = false;

  constructor(socket: TLSSocket, { limits, refuse, take }: GuardParts) {
    // The broker must never wait for one box to read: it would hold back the others. So writing always succeeds here
    // until the cap on unsent bytes ends the connection.
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: limits.unsentBytes * 4, allowHalfOpen: false });
    this.#socket = socket;
    this.#limits = limits;
    this.#refuse = refuse;
    this.#intake = new Intake({
      take,
      pass: (bytes) => {
        if (!this.push(bytes)) this.#isBacked = true;
      },
      send: (bytes) => this.#send(bytes, () => {}),
      fail: (error) => this.destroy(error),
      ready: () => this.#readOn(),
    });
    this.#framing = createFraming(limits, this.#intake);
    this.#packetsLeft = limits.packetsPerSecond * 2;
    this.#bytesLeft = limits.bytesPerSecond * 2;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#intake.end());
    socket.on('error', (error) => this.destroy(error));
    // What came before an orderly end is still to be taken.
    socket.on('close', () => {
      if (!socket.readableEnded || (this.#intake.idle && this.readableLength === 0)) this.destroy();
    });
  }

  /** The session is let in: what the box publishes is taken from now on. */
  open(): void {
    this.#intake.open();
    this.#readOn();
  }

  /**
   * Ends the session when nothing has come for so long (section 3.1.2.10). The broker's own clock would not hear what
   * never gets to it.
   */
  keepAlive(seconds: number): void {
    if (seconds <= 0 || this.destroyed) return;
    const milliseconds = seconds * 1500;
    this.#heardAt = performance.now();
    this.#alive = { milliseconds, timer: setTimeout(() => this.#late(), milliseconds) };
  }

  #late(): void {
    if (!this.#alive) return;
    const left = this.#heardAt + this.#alive.milliseconds - performance.now();
    // Who is not read from, because the store is slow, is not late.
    if (left <= 0 && !this.#socket.isPaused()) this.destroy(new Error('keep alive timeout'));
    else this.#alive.timer = setTimeout(() => this.#late(), left > 0 ? left : this.#alive.milliseconds);
  }

  #cut(fault: Fault): void {
    if (this.destroyed) return;
    this.#refuse(fault);
    this.#socket.destroy();
    this.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    if (this.#alive) this.#heardAt = performance.now();
    const before = this.#framing.packets;
    const fault = this.#framing.feed(chunk);
    if (fault) {
      this.#cut(fault);
      return;
    }
    this.#packetsLeft -= this.#framing.packets - before;
    this.#bytesLeft -= chunk.length;
    if (this.#packetsLeft < 0 || this.#bytesLeft < 0) this.#slow();
    if (this.#isBacked || this.#intake.full) this.#socket.pause();
  }

  #readOn(): void {
    if (!this.#slowed && !this.#isBacked && !this.#intake.full) this.#socket.resume();
  }

  /** Nothing more is read until what came too soon is worked off: a box that catches up is slowed, and loses nothing. */
  #slow(): void {
    const { packetsPerSecond, bytesPerSecond } = this.#limits;
    this.#socket.pause();
    if (this.#slowed) return;
    this.#slowed = true;
    const detail = `more than ${packetsPerSecond} packets or ${bytesPerSecond} bytes a second: read more slowly`;
    this.#refuse({ code: 'packet-rate', detail });
  }

  /** To be called once a second. */
  tick(): void {
    const { packetsPerSecond, bytesPerSecond, firstPacketSeconds, unfinishedSeconds } = this.#limits;
    if (this.destroyed || this.#socket.destroyed) {
      this.#tickClosing();
      return;
    }
    this.#ticks += 1;
    this.#packetsLeft = Math.min(this.#packetsLeft + packetsPerSecond, packetsPerSecond * 2);
    this.#bytesLeft = Math.min(this.#bytesLeft + bytesPerSecond, bytesPerSecond * 2);

    if (this.#slowed && this.#packetsLeft >= 0 && this.#bytesLeft >= 0) {
      this.#slowed = false;
      this.#readOn();
    }

    const { packets, unfinished } = this.#framing;
    // A packet that waits because the broker does not read on is not late.
    if (packets === 0 && this.#ticks >= firstPacketSeconds)
      this.#cut({ code: 'packet-unfinished', detail: `no CONNECT within ${firstPacketSeconds} s` });
    else if (!unfinished || packets !== this.#unfinished.packet || this.#socket.isPaused())
      this.#unfinished = { packet: packets, ticks: 0 };
    else if (++this.#unfinished.ticks >= unfinishedSeconds)
      this.#cut({ code: 'packet-unfinished', detail: `not whole after ${unfinishedSeconds} s` });
  }

  /** Neither a peer that does not read its last answer nor a broker that does not read the rest is waited for. */
  #tickClosing(): void {
    this.#closingTicks += 1;
    if (this.destroyed && this.#closingTicks > 2) this.#socket.destroy();
    else if (this.#closingTicks > this.#limits.unfinishedSeconds) this.destroy();
  }

  override _read(): void {
    this.#isBacked = false;
    this.#readOn();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, done);
  }

  /** The parser's writer cuts a packet into many small pieces: they go out as one. */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  #send(bytes: Buffer, done: Done): void {
    if (this.#socket.writable) this.#socket.write(bytes);
    done();
    if (this.#socket.writableLength > this.#limits.unsentBytes)
      this.#cut({ code: 'unread-backlog', detail: `${this.#socket.writableLength} bytes unread` });
  }

  override _final(done: Done): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#intake.stop();
    clearTimeout(this.#alive?.timer);
    this.#alive = undefined;
    // Without an error the last packet, which may be the CONNACK that says no, still goes out.
    if (error) this.#socket.destroy();
    else this.#socket.destroySoon();
    done(error);
  }
}
