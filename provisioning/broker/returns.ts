/**
 * How often each box may begin a session. Each costs the server some milliseconds, and a box on a bad line needs few. Who
 * comes back more often is held for a while, unread and unanswered, so that a program in a loop gets slow; one connection a
 * box is held so, and the next one of it takes its place.
 */
import type { Socket } from 'node:net';
import type { Clock } from '#common/clock.js';

export interface Returns {
  /** Whether it may. If not, the connection is taken care of. */
  take(box: string, socket: Socket): boolean;
  /** To be called once a second. */
  tick(): void;
  stop(): void;
}

const mostBoxes = 50_000;
const mostHeld = 1000;
const heldTicks = 10;

export function createReturns({
  clock,
  burst,
  perMinute,
}: {
  clock: Pick<Clock, 'now'>;
  burst: number;
  perMinute: number;
}): Returns {
  const boxes = new Map<string, { left: number; at: number }>();
  const held = new Map<string, { socket: Socket; ticks: number }>();

  function may(box: string): boolean {
    const now = clock.now();
    const before = boxes.get(box) ?? { left: burst, at: now };
    // A clock that was set back gives nothing and takes nothing.
    const left = Math.min(burst, before.left + (Math.max(0, now - before.at) / 60_000) * perMinute);
    boxes.delete(box); // who came last stands last
    boxes.set(box, { left: left >= 1 ? left - 1 : left, at: now });
    const [oldest] = boxes.keys();
    if (boxes.size > mostBoxes && oldest !== undefined) boxes.delete(oldest);
    return left >= 1;
  }

  function hold(box: string, socket: Socket): void {
    held.get(box)?.socket.destroy();
    if (held.size >= mostHeld && !held.has(box)) return void socket.destroy();
    held.set(box, { socket, ticks: 0 });
    socket.once('close', () => {
      if (held.get(box)?.socket === socket) held.delete(box);
    });
  }

  return {
    take(box, socket) {
      if (may(box)) return true;
      hold(box, socket);
      return false;
    },
    tick() {
      for (const one of held.values()) {
        one.ticks += 1;
        if (one.ticks >= heldTicks) one.socket.destroy();
      }
    },
    stop() {
      for (const { socket } of held.values()) socket.destroy();
      held.clear();
    },
  };
}
