/** The box's event stream as an async iterator that outlives restarts of the box's software. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type AppEvent, operations } from './api.js';
import { WebizenError } from './errors.js';
import type { Transport } from './transport.js';

/** The box sends something every 15 s; silence for this long is a dead connection. */
const silenceMilliseconds = 45_000;
const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;

/** The data of each server-sent event (HTML Living Standard section 9.2.6), as far as this API uses the format. */
export async function* dataOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
    }
  }
}

const isEvent = (value: unknown): value is AppEvent =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

async function* eventsOf(reply: IncomingMessage): AsyncGenerator<AppEvent> {
  reply.setEncoding('utf8');
  reply.setTimeout(silenceMilliseconds, () => reply.destroy(new Error('the event stream fell silent')));
  for await (const data of dataOf(reply as AsyncIterable<string>)) {
    const event: unknown = JSON.parse(data);
    if (isEvent(event)) yield event;
  }
}

/**
 * Every event from now on; each connection begins with a `hello` that says what holds. Ends when the signal aborts or the
 * loop is left.
 * @throws WebizenError when the box refuses the stream; it is asked again while it is only unreachable
 */
export async function* watch(transport: Transport, signal?: AbortSignal): AsyncGenerator<AppEvent> {
  const left = new AbortController();
  const any = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  let pause = firstPauseMilliseconds;
  try {
    while (!any.aborted) {
      try {
        for await (const event of eventsOf(await transport.stream(operations.getEvents.path, any))) {
          pause = firstPauseMilliseconds;
          yield event;
        }
      } catch (error) {
        if (any.aborted) return;
        if (error instanceof WebizenError && error.status >= 400 && error.status < 500) throw error;
      }
      await delay(pause, undefined, { signal: any }).catch(() => {});
      pause = Math.min(2 * pause, longestPauseMilliseconds);
    }
  } finally {
    left.abort();
  }
}
