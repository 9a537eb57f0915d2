/**
 * Guessing at the label's code or the passphrase is slow: after each wrong turn the next one waits longer, up to a minute.
 *
 * The delay is one for all, because on a local network a guesser has as many addresses as it likes. It never locks the
 * owner out: a try that comes early waits for the next turn instead of being refused, each address has one place in a
 * turn, and who is looked at in it is drawn by lot. Only memory holds the count: a power cycle clears it, and who can
 * pull the plug holds the box.
 */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';

export interface Tries {
  /**
   * Answers what `judge` does when this address's turn has come: undefined is a wrong try.
   * @throws Refusal `too-many-attempts` where this address waits already, or too many others do; `unavailable` after `stop`
   */
  attempt<T>(address: string, judge: () => Promise<T | undefined>, signal?: AbortSignal): Promise<T | undefined>;
  /** Until the next turn; 0 when a try is looked at now. */
  waitSeconds(): number;
  /** Whoever waits is answered as by a wrong try. */
  stop(): void;
}

export const freeTries = 3;
export const longestDelayMilliseconds = 60_000;
const judgedInATurn = 8;
const mostWaiting = 64;

export const delayAfter = (wrongTurns: number): number =>
  wrongTurns < freeTries ? 0 : Math.min(longestDelayMilliseconds, 1000 * 2 ** (wrongTurns - freeTries));

type Verdict = 'right' | 'wrong' | 'neither';

interface Waiting {
  address: string;
  judge: () => Promise<Verdict>;
  leave: () => void;
}

export function createTries({ clock, random }: { clock: Clock; random: () => number }): Tries {
  const waiting = new Map<string, Waiting>();
  const stopping = new AbortController();
  let wrongTurns = 0;
  let nextTurn = Number.NEGATIVE_INFINITY;
  let isServing = false;

  const waitMilliseconds = (): number => Math.max(0, nextTurn - clock.now());

  function draw(): Waiting[] {
    const all = [...waiting.values()];
    const drawn: Waiting[] = [];
    while (all.length > 0 && drawn.length < judgedInATurn)
      drawn.push(...all.splice(Math.floor(random() * all.length), 1));
    return drawn;
  }

  async function turn(): Promise<void> {
    const verdicts: Verdict[] = [];
    for (const one of draw()) {
      waiting.delete(one.address);
      verdicts.push(await one.judge());
    }
    if (verdicts.includes('right')) wrongTurns = 0;
    else if (verdicts.includes('wrong')) wrongTurns += 1;
    if (verdicts.some((verdict) => verdict !== 'neither')) nextTurn = clock.now() + delayAfter(wrongTurns);
  }

  async function serve(): Promise<void> {
    isServing = true;
    while (waiting.size > 0 && !stopping.signal.aborted) {
      if (waitMilliseconds() > 0) await clock.sleep(waitMilliseconds(), stopping.signal);
      else await turn();
    }
    isServing = false;
  }

  return {
    waitSeconds: () => Math.ceil(waitMilliseconds() / 1000),
    async attempt<T>(address: string, judge: () => Promise<T | undefined>, signal?: AbortSignal) {
      if (stopping.signal.aborted) throw new Refusal('unavailable');
      if (waiting.has(address) || waiting.size >= mostWaiting) {
        const seconds = Math.max(1, Math.ceil(waitMilliseconds() / 1000));
        throw new Refusal('too-many-attempts', undefined, { headers: { 'Retry-After': String(seconds) } });
      }
      return await new Promise<T | undefined>((resolve, reject) => {
        const one: Waiting = {
          address,
          async judge() {
            try {
              const judged = await judge();
              resolve(judged);
              return judged === undefined ? 'wrong' : 'right';
            } catch (error) {
              reject(error); // what failed for another reason was no guess
              return 'neither';
            }
          },
          leave() {
            if (waiting.get(address) === one) waiting.delete(address);
            resolve(undefined);
          },
        };
        waiting.set(address, one);
        signal?.addEventListener('abort', one.leave, { once: true });
        if (!isServing) void serve();
      });
    },
    stop() {
      stopping.abort();
      for (const one of [...waiting.values()]) one.leave();
    },
  };
}
