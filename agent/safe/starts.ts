/**
 * The starts of the agent, written down: in memory at each step, on the card once when one begins, once when it has lasted
 * or ended, and for each other app that is started before. A card that takes nothing costs what outlasts the boot, no more.
 */
import type { Files } from '#common/files.js';
import { parseJson } from '#contract/parse.js';
import type { StartFault } from '#contract/safe.js';
import { begin, ended, lasted, type SafeLimits, StartsRecord } from './record.js';

export interface Starts {
  now(): StartsRecord;
  /** An app is about to be started. */
  sawApp(id: string): void;
  lasted(): Promise<void>;
  /** In good order. */
  end(): Promise<void>;
}

export interface StartsWish {
  files: Files;
  /** Gone with a reboot; outlives a start. */
  memoryFile: string;
  cardFile: string;
  boot: string;
  software: string;
  words: Pick<StartFault, 'end' | 'error'>;
  limits: SafeLimits;
}

export async function openStarts({ files, memoryFile, cardFile, limits, ...is }: StartsWish): Promise<Starts> {
  async function read(file: string): Promise<StartsRecord | undefined> {
    const bytes = await files.read(file).catch(() => undefined); // a card that cannot be read may be why
    const found = bytes && parseJson(StartsRecord, bytes);
    return found?.ok ? found.value : undefined;
  }
  const [inMemory, onCard] = await Promise.all([read(memoryFile), read(cardFile)]);
  const before = (inMemory?.number ?? 0) >= (onCard?.number ?? 0) ? inMemory : onCard;
  let now = begin(before, is, limits);
  let turn: Promise<void> = Promise.resolve();

  function keep(places: readonly string[]): Promise<void> {
    const text = JSON.stringify(now);
    turn = turn.then(async () => {
      for (const place of places) await files.write(place, text).catch(() => {});
    });
    return turn;
  }
  await keep([memoryFile, cardFile]);

  return {
    now: () => now,
    sawApp(id) {
      if (now.app === id) return;
      now = { ...now, app: id };
      void keep(now.state === 'begun' ? [memoryFile, cardFile] : [memoryFile]);
    },
    lasted() {
      now = lasted(now);
      return keep([memoryFile, cardFile]);
    },
    end() {
      now = ended(now);
      return keep([memoryFile, cardFile]);
    },
  };
}
