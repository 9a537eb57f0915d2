/**
 * Events as they happen (server-sent events, HTML living standard section 9.2): first the recent ones, or after a cut
 * those since `Last-Event-ID`, then each new one. A reader that does not keep up is cut off; it comes back by itself and
 * says what it had last.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#common/clock.js';
import type { FleetEventQuery } from '#contract/event-query.js';
import type { FleetEvent } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';

export interface StreamFilter {
  /** Only the events of this box. */
  box?: string | undefined;
  /** Asked at each keep-alive and at `recheck`: a stream must not outlive the session that opened it. */
  allowed: () => boolean;
}

export interface EventStreams {
  /** The newest of these, oldest first. */
  find(query: FleetEventQuery): Promise<FleetEvent[]>;
  /** Answers at once and goes on until either side ends it. @throws Refusal `too-many-streams` */
  open(request: FastifyRequest, reply: FastifyReply, filter: StreamFilter): void;
  /** Ends those that are not allowed any more. */
  recheck(): void;
  stop(): void;
}

const recentEvents = 100;
/** How far back those since a cut are looked for. */
const searched = 1000;
const keepAliveMilliseconds = 15_000;
const mostUnsentBytes = 256 * 1024;
const mostStreams = 100;
const retryMilliseconds = 3000;

// `event:` is left out: a page that listens to "message" hears every type, those of a later version included.
const frame = (event: FleetEvent): string => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;

export function createEventStreams({ events, clock }: { events: EventLog; clock: Clock }): EventStreams {
  const streams = new Map<AbortController, StreamFilter>();

  async function recent({ box, since }: { box?: string | undefined; since?: string | undefined }) {
    if (since === undefined) return events.find({ box, limit: recentEvents });
    return (await events.find({ box, limit: searched })).filter(({ id }) => id > since);
  }

  async function follow(
    request: FastifyRequest,
    reply: FastifyReply,
    { box, allowed }: StreamFilter,
    ending: AbortController,
  ): Promise<void> {
    const { raw } = reply;
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });

    const write = (text: string): void => {
      if (ending.signal.aborted) return;
      raw.write(text);
      if (raw.writableLength > mostUnsentBytes) raw.destroy();
    };
    // What happens while the past is read waits its turn.
    let early: FleetEvent[] | undefined = [];
    const unsubscribe = events.subscribe((event) => {
      if (box !== undefined && event.box !== box) return;
      if (early) early.push(event);
      else write(frame(event));
    });
    raw.once('close', () => ending.abort());
    ending.signal.addEventListener('abort', () => {
      streams.delete(ending);
      unsubscribe();
      raw.end();
    });

    write(`retry: ${retryMilliseconds}\n\n`);
    const last = request.headers['last-event-id'];
    const old = await recent({ box, since: typeof last === 'string' && last !== '' ? last : undefined });
    const told = new Set(old.map((event) => event.id));
    for (const event of [...old, ...early.filter(({ id }) => !told.has(id))]) write(frame(event));
    early = undefined;

    while (!ending.signal.aborted) {
      await clock.sleep(keepAliveMilliseconds, ending.signal);
      if (allowed()) write(': alive\n\n');
      else ending.abort();
    }
  }

  return {
    find: (query) => events.find(query),
    open(request, reply, filter) {
      if (streams.size >= mostStreams) throw new Refusal('too-many-streams');
      const ending = new AbortController();
      streams.set(ending, filter);
      reply.hijack();
      follow(request, reply, filter, ending).catch((error: unknown) => {
        request.log.error({ err: error }, 'cannot go on with an event stream');
        ending.abort(); // the page comes back and asks again
      });
    },
    recheck() {
      for (const [stream, { allowed }] of streams) if (!allowed()) stream.abort();
    },
    stop() {
      for (const stream of streams.keys()) stream.abort();
    },
  };
}
