/**
 * Changes of an app's storage, told as they land. A reader takes the next ones when it has room for them: what it has not
 * taken yet waits in the storage's feed, which is bounded, and who writes waits for no reader.
 */
import type { ServerResponse } from 'node:http';
import type { StorageWatchEvent } from '#contract/api.js';
import type { StorageView, StorageWatch } from './features.js';
import type { Streams } from './streams.js';

export interface Watches {
  /** Answers what takes the response over. @throws Refusal `streams-too-many`, and what the storage refuses */
  open(app: { id: string }, wish: { prefix: string; since: string | undefined }): (response: ServerResponse) => void;
}

const text = (event: StorageWatchEvent, cursor: string): string =>
  `id: ${cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** Of what is told in one go; the next is taken once the reader's side has it. */
const mostAtOnce = 16 * 1024;

function eventOf(change: Exclude<ReturnType<StorageWatch['next']>, undefined>): StorageWatchEvent {
  if (change === 'lost') return { type: 'reset' };
  const { key, etag } = change;
  return etag === null ? { type: 'delete', key } : { type: 'put', key, etag };
}

export function createWatches({
  streams,
  storage,
}: {
  streams: Streams;
  storage: Pick<StorageView, 'watch'>;
}): Watches {
  return {
    open(app, wish) {
      let response: ServerResponse | undefined;
      let isWriting = false;

      function write(message: string): void {
        isWriting = true;
        response?.write(message, () => {
          isWriting = false;
          pump();
        });
      }

      function pump(): void {
        if (!response || isWriting || response.writableEnded || response.destroyed) return;
        let message = '';
        while (message.length < mostAtOnce) {
          const change = watch.next();
          if (change === undefined) break;
          message += text(eventOf(change), watch.cursor());
        }
        if (message !== '') write(message);
      }

      const watch = storage.watch(app.id, wish, pump);
      try {
        // The id alone: a reader goes on from here, though nothing below its prefix has changed.
        const take = streams.open(app, { beat: () => `id: ${watch.cursor()}\n\n`, farewell: () => '' });
        return (raw) => {
          take(raw);
          response = raw;
          raw.once('close', watch.end);
          const first: StorageWatchEvent = { type: wish.since === undefined || watch.isResumed ? 'ready' : 'reset' };
          write(`retry: 1000\n${text(first, watch.cursor())}`);
        };
      } catch (error) {
        watch.end();
        throw error;
      }
    },
  };
}
