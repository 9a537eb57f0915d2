/** What the provider selects: asked for, held against the publisher's keys, and remembered. */
import type { Clock } from '#common/clock.js';
import { verifyOsRelease } from '#common/os/release.js';
import type { OsView } from '#contract/os.js';
import type { OsKeys, OsSelection } from '#contract/os-release.js';
import { Refusal } from '#contract/problems.js';
import type { Slots } from '../host/slots.js';
import type { OsBook } from './book.js';
import type { OsSource } from './updates.js';

export interface Choosing {
  /** The catalogue is asked now. @throws Refusal as `OsSource.selected`, and what is wrong with what it selected */
  ask(): Promise<void>;
  /** Until the signal aborts. */
  keepAsking(): Promise<void>;
  askedAt(): number | null;
  refused(): OsView['refused'];
  refuse(refused: OsView['refused']): void;
}

const askMilliseconds = 6 * 3_600_000;
const firstPause = 60_000;

export function createChoosing(parts: {
  book: OsBook;
  clock: Clock;
  slots(): Promise<Slots>;
  /** What the image trusts. */
  pinned: OsKeys;
  source: Pick<OsSource, 'selected'>;
  signal: AbortSignal;
  onAsked(): void;
  onFault(error: unknown): void;
}): Choosing {
  const { book, clock, pinned, source, signal, onFault } = parts;
  let askedAt: number | null = null;
  let refused: OsView['refused'] = null;

  /** Keys that a rotation has led to, unless the image knows later ones, or ones that they do not come from. */
  function keys(): OsKeys {
    const { keys: held, retired } = book.now();
    const isLater = held !== null && held.generation > pinned.generation && retired.includes(pinned.keys[0].kid);
    return isLater ? held : pinned;
  }

  /** @throws Refusal those of `verifyOsRelease`, `os-release-foreign` for a key that was replaced */
  async function take(selection: OsSelection | undefined): Promise<void> {
    const { chosen } = book.now();
    if (!selection) {
      refused = null;
      if (chosen) await book.choose(null);
      return;
    }
    const verified = await verifyOsRelease(selection.release, keys());
    const { id, retired } = verified;
    const { notBefore } = selection;
    if (verified.keys.generation > keys().generation)
      await book.set((now) => ({ keys: verified.keys, retired: [...now.retired, ...retired].slice(-100) }));
    refused = null;
    if (chosen?.id === id && chosen.notBefore === notBefore) return;
    await book.choose({ id, jws: selection.release, notBefore });
  }

  let asking: Promise<void> | undefined;
  function ask(): Promise<void> {
    asking ??= (async () => {
      const { compatible, booted } = await parts.slots();
      const selection = await source.selected({ compatible, version: booted.version ?? null, last: book.now().last });
      askedAt = clock.now();
      try {
        await take(selection);
      } catch (error) {
        if (error instanceof Refusal) refused = { version: null, code: error.code, at: clock.now() };
        throw error;
      }
    })().finally(() => {
      asking = undefined;
      parts.onAsked();
    });
    return asking;
  }

  async function keepAsking(): Promise<void> {
    let pause = firstPause;
    while (!signal.aborted) {
      const isAsked = await ask().then(
        () => true,
        (error: unknown) => {
          const isQuiet = error instanceof Refusal && ['not-a-member', 'est-unreachable'].includes(error.code);
          if (!isQuiet && !signal.aborted) onFault(error);
          return false;
        },
      );
      pause = isAsked ? firstPause : Math.min(pause * 2, askMilliseconds);
      await clock.sleep((isAsked ? askMilliseconds : pause) * (0.75 + Math.random() / 4), signal);
    }
  }

  return {
    ...{ ask, keepAsking },
    askedAt: () => askedAt,
    refused: () => refused,
    refuse(said) {
      refused = said;
    },
  };
}
