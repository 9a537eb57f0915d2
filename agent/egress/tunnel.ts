/** Two sockets made one: each side's bytes, pace and end become the other's. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Tunnel {
  cut(): void;
}

/** For an app that does not read what a server that has gone said last. */
const drainMilliseconds = 10_000;

/**
 * `pipe` reads on only as the other side takes, so what is unsent stays within the streams' buffers, and it ends one
 * side when the other has ended (half-close); a fault on either ends both.
 */
export function splice({
  inner,
  outer,
  head,
  idleMilliseconds,
  onEnd,
}: {
  /** The app's. */
  inner: Duplex;
  /** The server's. */
  outer: Socket;
  /** What the app has sent ahead. */
  head: Buffer;
  idleMilliseconds: number;
  onEnd: (bytes: { sent: number; received: number }) => void;
}): Tunnel {
  let over = false;
  let draining: NodeJS.Timeout | undefined;
  const cut = (): void => {
    if (over) return;
    over = true;
    clearTimeout(draining);
    inner.destroy();
    outer.destroy();
    onEnd({ sent: outer.bytesWritten, received: outer.bytesRead });
  };
  inner.on('error', cut);
  outer.on('error', cut);
  inner.once('close', cut);
  outer.once('close', () => {
    if (inner.writableFinished || inner.destroyed) return cut();
    inner.once('finish', cut); // what the server said last is still on its way to the app
    draining = setTimeout(cut, drainMilliseconds);
  });
  outer.setTimeout(idleMilliseconds, cut);
  if (head.length > 0) outer.write(head);
  inner.pipe(outer);
  outer.pipe(inner);
  return { cut };
}
