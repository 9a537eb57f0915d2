/**
 * Stands between a box's socket and the broker's parser, which by itself buffers an unfinished packet without end and
 * waits for a client that does not read. Everything that is counted per second or waits for a deadline is counted by
 * `tick`, which the broker calls once a second for all guards: no timer and no clock in the way of the bytes.
 */
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createFraming, type Fault, type Framing } from './framing.js';
import type { Limits } from './limits.js';

type Done = (error?: Error | null) => void;

export class Guard extends Duplex {
  readonly #socket: TLSSocket;
  readonly #limits: Limits;
  readonly #framing: Framing;
  readonly #refuse: (fault: Fault) => void;
  #packetsLeft: number;
  #bytesLeft: number;
  #ticks = 0;
  #unfinished = { packet: 0, ticks: 0 };
  #closingTicks = 0;
  #slowed = false;

  /** `refuse` is told why the connection ends, or is slowed; the guard itself then does it. */
  constructor(socket: TLSSocket, limits: Limits, refuse: (fault: Fault) => void) {
    // The broker must never wait for one box to read: it would hold back the others. So writing always succeeds here
    // until the cap on unsent bytes ends the connection.
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: limits.unsentBytes * 4, allowHalfOpen: false });
    this.#socket = socket;
    this.#limits = limits;
    this.#refuse = refuse;
    this.#framing = createFraming(limits);
    this.#packetsLeft = limits.packetsPerSecond * 2;
    this.#bytesLeft = limits.bytesPerSecond * 2;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    // What came before an orderly end is still for the broker to read.
    socket.on('close', () => {
      if (!socket.readableEnded || this.readableLength === 0) this.destroy();
    });
  }

  #cut(fault: Fault): void {
    if (this.destroyed) return;
    this.#refuse(fault);
    this.#socket.destroy();
    this.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    const before = this.#framing.packets;
    const fault = this.#framing.feed(chunk);
    if (fault) {
      this.#cut(fault);
      return;
    }
    this.#packetsLeft -= this.#framing.packets - before;
    this.#bytesLeft -= chunk.length;
    if (this.#packetsLeft < 0 || this.#bytesLeft < 0) this.#slow();
    if (!this.push(chunk)) this.#socket.pause();
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
      if (this.readableLength < this.readableHighWaterMark) this.#socket.resume();
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
    if (!this.#slowed) this.#socket.resume();
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
    // Without an error the last packet, which may be the CONNACK that says no, still goes out.
    if (error) this.#socket.destroy();
    else this.#socket.destroySoon();
    done(error);
  }
}
