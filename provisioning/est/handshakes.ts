/**
 * Connections that have not ended their handshake: a full one costs a millisecond of CPU, and one that never ends costs
 * memory. Beyond so many from one source, or in all, the next is closed before a byte of it is read.
 */
import type { Socket } from 'node:net';
import { sourceOf } from '#common/source.js';

export interface Handshakes {
  began(socket: Socket): void;
  /** Of the connection from there. */
  ended(address: string | undefined, port: number | undefined): void;
}

const mostFromOne = 256;
const mostInAll = 4096;

export function createHandshakes(): Handshakes {
  const open = new Map<string, string>();
  const counts = new Map<string, number>();

  function ended(address: string | undefined, port: number | undefined): void {
    const key = `${address} ${port}`;
    const source = open.get(key);
    if (source === undefined) return;
    open.delete(key);
    const left = (counts.get(source) ?? 1) - 1;
    if (left > 0) counts.set(source, left);
    else counts.delete(source);
  }

  return {
    ended,
    began(socket) {
      const { remoteAddress, remotePort } = socket;
      if (remoteAddress === undefined) return void socket.destroy();
      const source = sourceOf(remoteAddress);
      const count = counts.get(source) ?? 0;
      if (count >= mostFromOne || open.size >= mostInAll) return void socket.destroy();
      open.set(`${remoteAddress} ${remotePort}`, source);
      counts.set(source, count + 1);
      socket.once('close', () => ended(remoteAddress, remotePort)); // the socket forgets them
    },
  };
}
