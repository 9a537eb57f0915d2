/** Brings answers to the provider: at once while there is a session, else with the next one. */
import type { CommandResult, LiveSample } from '#contract/commands.js';
import type { Book, Taken } from './book.js';

/** What a session of the link offers. */
export interface Port {
  /** Under `up/result/{command}`; resolves with the broker's PUBACK. */
  result(result: CommandResult): Promise<void>;
  /** Under `up/live`, at QoS 0. */
  live(sample: LiveSample): void;
}

export interface Teller {
  tell(taken: Taken): void;
  open(port: Port): { close(): void };
  live(sample: LiveSample): void;
  stop(): Promise<void>;
}

export function createTeller({
  book,
  isOwn,
  onFault,
}: {
  book: Book;
  /** Another territory's commands are nothing to this one. */
  isOwn: (taken: Taken) => boolean;
  onFault: (error: unknown) => void;
}): Teller {
  let current: Port | undefined;
  const underWay = new Set<Promise<void>>();

  async function send(port: Port, { command, result }: Taken): Promise<void> {
    if (!result) return;
    try {
      await port.result(result);
    } catch {
      return; // the next session tells it
    }
    await book.change(command, (now) => (now.result === result ? { next: { ...now, told: true } } : undefined));
  }

  function tell(taken: Taken): void {
    if (!current || !isOwn(taken)) return;
    const mine = send(current, taken)
      .catch(onFault)
      .finally(() => underWay.delete(mine));
    underWay.add(mine);
  }

  return {
    tell,
    live: (sample) => current?.live(sample),
    open(port) {
      current = port;
      for (const taken of book.list().toReversed()) if (!taken.told) tell(taken);
      return {
        close() {
          if (current === port) current = undefined;
        },
      };
    },
    async stop() {
      current = undefined;
      await Promise.all(underWay);
    },
  };
}
