/** The apps' event streams (server-sent events, HTML Living Standard section 9.2). */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#common/clock.js';
import type { AppEvent } from '#contract/api.js';
import type { Connectivity } from './features.js';

export interface EventStreams {
  start(): void;
  /** Takes the response over and greets. */
  open(response: ServerResponse): void;
  /** Tells every stream that the box is about to stop, and ends the streams. */
  stop(): void;
}

const text = (event: AppEvent): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

export function createEventStreams({
  connectivity,
  clock,
  maxUnsentBytes,
  keepAliveMilliseconds,
}: {
  connectivity: Connectivity;
  clock: Clock;
  /** A reader that falls behind by more is dropped; it reconnects and is greeted with what holds then. */
  maxUnsentBytes: number;
  /** A comment is sent this often, so that both sides notice a dead connection. */
  keepAliveMilliseconds: number;
}): EventStreams {
  const streams = new Set<ServerResponse>();
  let unsubscribe: (() => void) | undefined;
  let stopped: AbortController | undefined;

  function send(stream: ServerResponse, message: string): void {
    if (stream.writableLength > maxUnsentBytes) stream.destroy();
    else stream.write(message);
  }

  function broadcast(message: string): void {
    for (const stream of streams) send(stream, message);
  }

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
    open(response) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      streams.add(response);
      response.once('close', () => streams.delete(response));
      send(response, `retry: 1000\n${text({ type: 'hello', at: clock.now(), online: connectivity.online() })}`);
    },
    stop() {
      unsubscribe?.();
      stopped?.abort();
      broadcast(text({ type: 'shutdown', at: clock.now() }));
      for (const stream of streams) stream.end();
      streams.clear();
    },
  };
}
