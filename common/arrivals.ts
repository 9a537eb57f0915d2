/**
 * Long polls: who finds nothing waits for word that something has come, and looks once more. Word counts from before the
 * first look on: what comes while somebody looks is not waited for.
 */
import type { Clock } from './clock.js';

export interface Wait {
  milliseconds: number;
  signal: AbortSignal;
  /** So many wait at once for one caller. */
  caller: string;
  most: number;
  full: () => Error;
}

export interface Arrivals {
  /**
   * Answers what the look finds, at once where it finds something.
   * @throws what `full` makes, where so many wait already for the same caller
   */
  look<T>(key: string, wait: Wait, look: () => Promise<T[]>): Promise<T[]>;
  /** Something has come under this key. */
  tell(key: string): void;
  /** Nobody waits any more. */
  stop(): void;
}

export function createArrivals(clock: Pick<Clock, 'sleep'>): Arrivals {
  const listeners = new Map<string, Set<() => void>>();
  const waiting = new Map<string, number>();
  const stopping = new AbortController();

  async function come({ milliseconds, signal, caller, most, full }: Wait, word: AbortSignal): Promise<void> {
    const count = waiting.get(caller) ?? 0;
    if (count >= most) throw full();
    waiting.set(caller, count + 1);
    await clock.sleep(milliseconds, AbortSignal.any([word, signal, stopping.signal]));
    const left = (waiting.get(caller) ?? 1) - 1;
    if (left > 0) waiting.set(caller, left);
    else waiting.delete(caller);
  }

  function listen(key: string, listener: () => void): () => void {
    const its = listeners.get(key) ?? new Set();
    listeners.set(key, its.add(listener));
    return () => {
      its.delete(listener);
      if (its.size === 0 && listeners.get(key) === its) listeners.delete(key);
    };
  }

  return {
    async look(key, wait, look) {
      const word = new AbortController();
      const end = listen(key, () => word.abort());
      try {
        const found = await look();
        if (found.length > 0 || wait.milliseconds <= 0) return found;
        if (!word.signal.aborted) await come(wait, word.signal);
        return await look();
      } finally {
        end();
      }
    },
    tell(key) {
      for (const listener of listeners.get(key) ?? []) listener();
    },
    stop: () => stopping.abort(),
  };
}
