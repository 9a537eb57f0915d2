/**
 * Answers that go on for as long as the app reads them: server-sent events (HTML Living Standard section 9.2). So many an
 * app, whatever they tell; kept alive, and ended with the app's socket or the agent.
 */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';

/** What a stream says of its own accord. */
export interface Voice {
  /** Sent often, so that both sides notice a dead connection. */
  beat(): string;
  /** Sent before it is ended by this side; empty: nothing. */
  farewell(): string;
}

export interface Streams {
  start(): void;
  /** Answers what takes the response over. @throws Refusal `streams-too-many` */
  open(app: { id: string }, voice: Voice): (response: ServerResponse) => void;
  /** Drops a reader that is too far behind. */
  send(stream: ServerResponse, message: string): void;
  /** Ends the streams of one app. */
  close(app: string): void;
  stop(): void;
}

export interface StreamLimits {
  /** A reader that falls behind by more is dropped. */
  maxUnsentBytes: number;
  /** Of one app. */
  maxStreams: number;
  /** How often a stream gives a sign of life. */
  keepAliveMilliseconds: number;
}

export function createStreams({
  clock,
  maxUnsentBytes,
  maxStreams,
  keepAliveMilliseconds,
}: StreamLimits & { clock: Clock }): Streams {
  const streams = new Map<ServerResponse, { app: string; voice: Voice }>();
  const counts = new Map<string, number>();
  let stopped: AbortController | undefined;

  function send(stream: ServerResponse, message: string): void {
    if (stream.writableEnded) return; // ended by this side, and not closed yet
    if (stream.writableLength > maxUnsentBytes) stream.destroy();
    else if (message !== '') stream.write(message);
  }

  function leave(stream: ServerResponse): void {
    const known = streams.get(stream);
    if (!known || !streams.delete(stream)) return;
    const count = (counts.get(known.app) ?? 1) - 1;
    if (count > 0) counts.set(known.app, count);
    else counts.delete(known.app);
  }

  function end(stream: ServerResponse, voice: Voice): void {
    send(stream, voice.farewell());
    stream.end();
    leave(stream);
  }

  async function keepAlive(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(keepAliveMilliseconds, signal);
      if (signal.aborted) return;
      for (const [stream, { voice }] of streams) send(stream, voice.beat());
    }
  }

  return {
    start() {
      stopped = new AbortController();
      void keepAlive(stopped.signal);
    },
    open({ id }, voice) {
      if ((counts.get(id) ?? 0) >= maxStreams)
        throw new Refusal('streams-too-many', undefined, { headers: { 'retry-after': '1' } });
      return (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
        streams.set(response, { app: id, voice });
        counts.set(id, (counts.get(id) ?? 0) + 1);
        response.once('close', () => leave(response));
      };
    },
    send,
    close(app) {
      for (const [stream, { app: its, voice }] of streams) if (its === app) end(stream, voice);
    },
    stop() {
      stopped?.abort();
      for (const [stream, { voice }] of streams) end(stream, voice);
    },
  };
}
