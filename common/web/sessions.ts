/** Signed-in consoles, remembered in this process only: a restart signs everybody out. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.js';

export interface Sessions<T> {
  /** A new session's id: 256 random bits, which say nothing. */
  open(holds: T): string;
  /** What it holds if it lives; it has just been used then. */
  use(id: string): T | undefined;
  /** As `use`, and does not count as use. */
  lives(id: string): boolean;
  close(id: string): void;
  /** Ends every session that this holds for. */
  closeAll(ends: (holds: T, id: string) => boolean): void;
}

export interface SessionLimits {
  /** A session that is not used for so long ends. */
  idleMilliseconds: number;
  /** However much it is used, it ends after so long. */
  absoluteMilliseconds: number;
  /** The oldest makes room. */
  most: number;
}

export function createSessions<T>({ clock, limits }: { clock: Clock; limits: SessionLimits }): Sessions<T> {
  const { idleMilliseconds, absoluteMilliseconds, most } = limits;
  const sessions = new Map<string, { opened: number; used: number; holds: T }>();
  const lives = ({ opened, used }: { opened: number; used: number }, now: number): boolean =>
    now < opened + absoluteMilliseconds && now < used + idleMilliseconds;

  return {
    open(holds) {
      const now = clock.now();
      for (const [id, session] of sessions) if (!lives(session, now)) sessions.delete(id);
      if (sessions.size >= most) sessions.delete(sessions.keys().next().value ?? '');
      const id = randomBytes(32).toString('base64url');
      sessions.set(id, { opened: now, used: now, holds });
      return id;
    },
    use(id) {
      const session = sessions.get(id);
      const now = clock.now();
      if (!session) return undefined;
      if (!lives(session, now)) {
        sessions.delete(id);
        return undefined;
      }
      session.used = now;
      return session.holds;
    },
    lives(id) {
      const session = sessions.get(id);
      return session !== undefined && lives(session, clock.now());
    },
    close: (id) => void sessions.delete(id),
    closeAll(ends) {
      for (const [id, session] of sessions) if (ends(session.holds, id)) sessions.delete(id);
    },
  };
}
