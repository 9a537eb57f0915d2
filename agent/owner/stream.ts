/**
 * The owner's view as it changes (server-sent events, HTML living standard section 9.2): once at the start, then whenever
 * something in it may be new. A reader that does not keep up is cut off, and comes back by itself.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';

export interface ViewStreams {
  /** Answers at once and goes on until either side ends it. @throws Refusal `too-many-streams` */
  open(request: FastifyRequest, reply: FastifyReply, allowed: () => boolean): void;
  /** Something may be new: told to all, together with what else happens in the next moments. */
  tell(): void;
  stop(): void;
}

const keepAliveMilliseconds = 15_000;
const gatherMilliseconds = 100;
const mostUnsentBytes = 256 * 1024;
const mostStreams = 16;
const retryMilliseconds = 1000;

interface Stream {
  ending: AbortController;
  write(text: string): void;
}

export function createViewStreams({ view, clock }: { view: () => unknown; clock: Clock }): ViewStreams {
  const streams = new Set<Stream>();
  const stopping = new AbortController();
  let isGathering = false;

  const frame = (): string => `data: ${JSON.stringify(view())}\n\n`;

  async function gather(): Promise<void> {
    isGathering = true;
    await clock.sleep(gatherMilliseconds, stopping.signal);
    isGathering = false;
    if (stopping.signal.aborted || streams.size === 0) return;
    const text = frame();
    for (const { write } of streams) write(text);
  }

  async function follow({ ending, write }: Stream, allowed: () => boolean): Promise<void> {
    write(`retry: ${retryMilliseconds}\n\n${frame()}`);
    while (!ending.signal.aborted) {
      await clock.sleep(keepAliveMilliseconds, ending.signal);
      // A stream must not outlive its session, nor keep it alive: `allowed` looks and does not count as use.
      if (allowed()) write(frame());
      else ending.abort();
    }
  }

  return {
    open(request, reply, allowed) {
      if (streams.size >= mostStreams) throw new Refusal('too-many-streams');
      const { raw } = reply;
      const ending = new AbortController();
      const stream: Stream = {
        ending,
        write(text) {
          if (ending.signal.aborted) return;
          raw.write(text);
          if (raw.writableLength > mostUnsentBytes) raw.destroy();
        },
      };
      streams.add(stream);
      reply.hijack();
      raw.once('close', () => ending.abort());
      ending.signal.addEventListener('abort', () => {
        streams.delete(stream);
        raw.end();
      });
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) raw.setHeader(name, value);
      raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
      follow(stream, allowed).catch((error: unknown) => {
        request.log.error({ err: error }, 'cannot go on with an event stream');
        ending.abort(); // the page comes back and asks again
      });
    },
    tell() {
      if (!isGathering) void gather();
    },
    stop() {
      stopping.abort();
      for (const { ending } of streams) ending.abort();
    },
  };
}
