/** Commands to boxes, wired into a provider that serves: what goes out, and what comes back. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';
import { CommandResult } from '#contract/commands.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import type { Topic } from '#contract/topics.js';
import { createCommandDelivery, type Publish } from './commands/delivery.js';
import type { CommandDesk } from './commands/desk.js';
import type { CommandKeyRing } from './commands/keys.js';
import { createLiveViews } from './commands/live.js';
import type { Gauge } from './console/metrics.js';
import type { EventLog } from './fleet/events.js';
import { createQuota } from './fleet/quota.js';

export interface CommandLink {
  /** Whether the message was about a command. Resolves when its answer is stored; never rejects. */
  receive(message: { box: string; topic: Topic; payload: Buffer }): Promise<boolean>;
  /** A session of the box has begun, or ended. */
  changed(box: string): void;
  ended(box: string): Promise<void>;
  gauges(): Gauge[];
  start(): void;
  stop(): Promise<void>;
}

export function linkCommands({
  desk,
  keys,
  online,
  publish,
  events,
  clock,
  log,
}: {
  desk: CommandDesk;
  keys: CommandKeyRing;
  online: (box: string) => boolean;
  publish: Publish;
  events: EventLog;
  clock: Clock;
  log: FastifyBaseLogger;
}): CommandLink {
  const views = createLiveViews({ events, quota: createQuota({ clock, burst: 5, perMinute: 75 }), clock });
  const onSent = views.expect;
  const delivery = createCommandDelivery({ desk, signer: keys.signer, ...{ online, publish, onSent, clock, log } });
  const mayTell = createQuota({ clock, burst: 20, perMinute: 2 });

  async function takeResult(box: string, command: string, payload: Buffer): Promise<void> {
    const read = parseJson(CommandResult, payload);
    const tell = (code: 'message-malformed' | 'command-unknown', detail: string) => {
      if (mayTell.take(box)) events.refused(code, { box, detail: detail.slice(0, 300) });
    };
    if (!read.ok) return tell('message-malformed', describeFaults(read.faults));
    if (read.value.command !== command) return tell('message-malformed', `it is about ${read.value.command}`);
    try {
      if (!(await desk.answered(box, read.value))) return tell('command-unknown', command);
      delivery.wake(box);
    } catch (error) {
      log.error({ err: error, box }, 'cannot store the answer to a command'); // it is asked for again
    }
  }

  return {
    async receive({ box, topic, payload }) {
      if (topic.kind === 'live') views.receive(box, payload);
      else if (topic.kind === 'result') await takeResult(box, topic.command, payload);
      else return false;
      return true;
    },
    changed(box) {
      if (online(box)) delivery.born(box);
      else views.end(box);
    },
    ended: delivery.forget,
    gauges: () => [
      {
        name: 'webizen_commands_open',
        help: 'Boxes with commands that have no final answer.',
        series: [[{}, desk.open().length]],
      },
      { name: 'webizen_live_views', help: 'Live views that are open.', series: [[{}, views.counts().open]] },
      {
        name: 'webizen_live_samples_dropped',
        help: 'Live samples that nobody asked for, or that came too fast, since the start.',
        series: [[{}, views.counts().dropped]],
      },
    ],
    start: delivery.start,
    stop: delivery.stop,
  };
}
