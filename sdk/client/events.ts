/** The box's streams of events as async iterators that outlive restarts of the box's software. */
import { setTimeout as delay } from 'node:timers/promises';
import { type AppEvent, operations, type StorageWatchEvent } from './api.js';
import { WebizenError } from './errors.js';
import type { Transport } from './transport.js';

/** The box sends something every 15 s; silence for this long is a dead connection. */
const silenceMilliseconds = 45_000;
const firstPauseMilliseconds = 1000;
const longestPauseMilliseconds = 30_000;

export interface Message {
  /** Empty: only the id has moved. */
  data: string;
  /** The last that was given, by this message or one before. */
  id: string | undefined;
}

/** Each server-sent event (HTML Living Standard section 9.2.6), as far as this API uses the format. */
export async function* messagesOf(chunks: AsyncIterable<string>): AsyncGenerator<Message> {
  let rest = '';
  let data: string[] = [];
  let id: string | undefined;
  let hasMoved = false;
  const textOf = (line: string, name: string): string => line.slice(name.length + (line[name.length] === ' ' ? 1 : 0));
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(textOf(line, 'data:'));
      else if (line.startsWith('id:')) {
        id = textOf(line, 'id:');
        hasMoved = true;
      } else if (line === '') {
        if (data.length > 0 || hasMoved) yield { data: data.join('\n'), id };
        data = [];
        hasMoved = false;
      }
    }
  }
}

interface Typed {
  type: string;
}

const isTyped = (value: unknown): value is Typed =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/** What the stream at a path tells. */
export interface Source {
  path: string;
  signal?: AbortSignal | undefined;
}

/**
 * Everything that a stream tells from now on, across restarts of the box's software; where the stream has ids, it goes on
 * behind the last one. Ends when the signal aborts or the loop is left.
 * @throws WebizenError when the box refuses the stream; it is asked again while it is only unreachable
 */
async function* follow(transport: Transport, { path, signal }: Source): AsyncGenerator<Typed> {
  const left = new AbortController();
  const any = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
  let pause = firstPauseMilliseconds;
  let last: string | undefined;
  try {
    while (!any.aborted) {
      try {
        const headers = last === undefined ? {} : { 'last-event-id': last };
        const reply = await transport.stream(path, any, headers);
        reply.setEncoding('utf8');
        reply.setTimeout(silenceMilliseconds, () => reply.destroy(new Error('the event stream fell silent')));
        for await (const { data, id } of messagesOf(reply as AsyncIterable<string>)) {
          pause = firstPauseMilliseconds;
          const event: unknown = data === '' ? undefined : JSON.parse(data);
          if (isTyped(event)) yield event;
          last = id; // once it has been taken
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

/** What happens on the box; each connection begins with a `hello` that says what holds. */
export const boxEvents = (transport: Transport, signal?: AbortSignal): AsyncGenerator<AppEvent> =>
  follow(transport, { path: operations.getEvents.path, signal }) as AsyncGenerator<AppEvent>;

/** What changes in the app's storage below a prefix. */
export async function* storageEvents(
  transport: Transport,
  { prefix, signal }: { prefix: string; signal?: AbortSignal | undefined },
): AsyncGenerator<StorageWatchEvent> {
  const path = `${operations.watchValues.path}?${new URLSearchParams({ prefix }).toString()}`;
  let isReady = false;
  for await (const event of follow(transport, { path, signal }) as AsyncGenerator<StorageWatchEvent>) {
    if (event.type === 'ready' && isReady) continue; // it went on behind the last one, and nothing was missed
    isReady = true;
    yield event;
  }
}
