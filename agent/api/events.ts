/** What happens on the box, told to the apps. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#common/clock.js';
import type { AppEvent } from '#contract/api.js';
import type { Connectivity, Features } from './features.js';
import type { Streams } from './streams.js';

export interface EventStreams {
  start(): void;
  /** Answers what takes the response over and greets. @throws Refusal `streams-too-many` */
  open(app: { id: string }): (response: ServerResponse) => void;
  /** Answers how many streams it went to. */
  tell(app: string, event: AppEvent): number;
  stop(): void;
}

const text = (event: AppEvent): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

export function createEventStreams({
  streams,
  connectivity,
  standing = () => [],
  clock,
}: {
  /** A reader that was dropped connects again, and is greeted with what holds then. */
  streams: Streams;
  connectivity: Connectivity;
  standing?: Features['standing'];
  clock: Clock;
}): EventStreams {
  const listening = new Map<ServerResponse, string>();
  let unsubscribe: (() => void) | undefined;

  const voice = {
    beat: () => ':\n\n',
    farewell: () => text({ type: 'shutdown', at: clock.now() }),
  };

  return {
    start() {
      unsubscribe = connectivity.subscribe((online) => {
        const message = text({ type: 'connectivity', at: clock.now(), online });
        for (const stream of listening.keys()) streams.send(stream, message);
      });
    },
    open(app) {
      const take = streams.open(app, voice);
      return (response) => {
        take(response);
        listening.set(response, app.id);
        response.once('close', () => listening.delete(response));
        const hello: AppEvent = { type: 'hello', at: clock.now(), online: connectivity.online() };
        const greeting = [hello, ...standing(app.id)].map(text).join('');
        streams.send(response, `retry: 1000\n${greeting}`);
      };
    },
    tell(app, event) {
      const message = text(event);
      const mine = [...listening].flatMap(([stream, owner]) => (owner === app ? [stream] : []));
      for (const stream of mine) streams.send(stream, message);
      return mine.length;
    },
    stop: () => unsubscribe?.(),
  };
}
