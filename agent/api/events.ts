/** The apps' event streams (server-sent events, HTML Living Standard section 9.2). */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#common/clock.js';
import type { AppEvent } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import type { Connectivity, Features } from './features.js';

export interface EventStreams {
  start(): void;
  /** Answers what takes the response over and greets. @throws Refusal `streams-too-many` */
  open(app: { id: string }): (response: ServerResponse) => void;
  /** Answers how many streams it went to. */
  tell(app: string, event: AppEvent): number;
  /** Ends the streams of one app. */
  close(app: string): void;
  /** Tells every stream that the box is about to stop, and ends the streams. */
  stop(): void;
}

const text = (event: AppEvent): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

export function createEventStreams({
  connectivity,
  standing = () => [],
  clock,
  maxUnsentBytes,
  maxStreams,
  keepAliveMilliseconds,
}: {
  connectivity: Connectivity;
  standing?: Features['standing'];
  clock: Clock;
  /** A reader that falls behind by more is dropped; it reconnects and is greeted with what holds then. */
  maxUnsentBytes: number;
  /** Of one app. */
  maxStreams: number;
  /** A comment is sent this often, so that both sides notice a dead connection. */
  keepAliveMilliseconds: number;
}): EventStreams {
  const streams = new Map<ServerResponse, string>();
  let unsubscribe: (() => void) | undefined;
  let stopped: AbortController | undefined;

  function send(stream: ServerResponse, message: string): void {
    if (stream.writableLength > maxUnsentBytes) stream.destroy();
    else stream.write(message);
  }

  function broadcast(message: string): void {
    for (const stream of streams.keys()) send(stream, message);
  }

  const streamsOf = (app: string): ServerResponse[] =>
    [...streams].flatMap(([stream, owner]) => (owner === app ? [stream] : []));

  async function keepAlive(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(keepAliveMilliseconds, signal);
      if (!signal.aborted) broadcast(':\n\n');
    }
  }

  return {
    start() {
      stopped = new AbortController();
      unsubscribe = connectivity.subscribe((online) =>
        broadcast(text({ type: 'connectivity', at: clock.now(), online })),
      );
      void keepAlive(stopped.signal);
    },
    open({ id }) {
      if (streamsOf(id).length >= maxStreams)
        throw new Refusal('streams-too-many', undefined, { headers: { 'retry-after': '1' } });
      return (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
        const hello: AppEvent = { type: 'hello', at: clock.now(), online: connectivity.online() };
        const greeting = [hello, ...standing(id)].map(text).join('');
        streams.set(response, id);
        response.once('close', () => streams.delete(response));
        send(response, `retry: 1000\n${greeting}`);
      };
    },
    tell(app, event) {
      const message = text(event);
      const mine = streamsOf(app);
      for (const stream of mine) send(stream, message);
      return mine.length;
    },
    close(app) {
      for (const stream of streamsOf(app)) {
        send(stream, text({ type: 'shutdown', at: clock.now() }));
        stream.end();
        streams.delete(stream);
      }
    },
    stop() {
      unsubscribe?.();
      stopped?.abort();
      broadcast(text({ type: 'shutdown', at: clock.now() }));
      for (const stream of streams.keys()) stream.end();
      streams.clear();
    },
  };
}
