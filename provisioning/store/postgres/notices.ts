/** What other workers have written, told by the database: on a session of its own, which is opened again when it breaks. */
import type { Clock } from '#common/clock.js';
import type { Sessions } from './sessions.js';

export const channel = 'webizen_boxes';

export interface Notices {
  /** `undefined`: something may have been missed. Answers the way to end it. */
  subscribe(listener: (box: string | undefined) => void): () => void;
  stop(): Promise<void>;
}

const retryMilliseconds = 1000;

export function createNotices(sessions: Sessions, clock: Clock): Notices {
  const listeners = new Set<(box: string | undefined) => void>();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  const tell = (box: string | undefined) => {
    for (const listener of listeners) listener(box);
  };

  async function listen(): Promise<void> {
    const session = await sessions.own();
    try {
      const over = new Promise<void>((resolve) => {
        session.on('error', () => resolve());
        session.on('end', () => resolve());
        stopping.signal.addEventListener('abort', () => resolve());
        if (stopping.signal.aborted) resolve();
      });
      session.on('notification', ({ payload }) => tell(payload || undefined));
      await session.query(`LISTEN ${channel}`);
      tell(undefined);
      await over;
    } finally {
      await session.end().catch(() => {});
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await listen().catch(() => {});
      tell(undefined);
      await clock.sleep(retryMilliseconds, stopping.signal);
    }
  }

  return {
    subscribe(listener) {
      listeners.add(listener);
      running ??= run();
      return () => listeners.delete(listener);
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
