/** Signed-in consoles, remembered in this process only: a restart signs everybody out. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';

export interface Sessions {
  /** A new session's id: 256 random bits, which say nothing. */
  open(): string;
  /** Whether it lives; if so it has just been used. */
  use(id: string): boolean;
  close(id: string): void;
}

export const idleMilliseconds = 2 * 3_600_000;
/** A working day and some more. */
export const absoluteMilliseconds = 24 * 3_600_000;
const most = 1000;

export function createSessions({ clock }: { clock: Clock }): Sessions {
  const sessions = new Map<string, { opened: number; used: number }>();
  const lives = ({ opened, used }: { opened: number; used: number }, now: number): boolean =>
    now < opened + absoluteMilliseconds && now < used + idleMilliseconds;

  return {
    open() {
      const now = clock.now();
      for (const [id, session] of sessions) if (!lives(session, now)) sessions.delete(id);
      if (sessions.size >= most) sessions.delete(sessions.keys().next().value ?? '');
      const id = randomBytes(32).toString('base64url');
      sessions.set(id, { opened: now, used: now });
      return id;
    },
    use(id) {
      const session = sessions.get(id);
      const now = clock.now();
      if (!session) return false;
      if (!lives(session, now)) {
        sessions.delete(id);
        return false;
      }
      session.used = now;
      return true;
    },
    close: (id) => void sessions.delete(id),
  };
}
