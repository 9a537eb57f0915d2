/** The provider's side of commands over a real store; the broker is the test, and so are the boxes. */
import { mkdir } from 'node:fs/promises';
import { pino } from 'pino';
import type { Operation } from '#common/commits.js';
import { files } from '#common/files.js';
import { unverifiedHeader } from '#common/jws.js';
import { type Command, type CommandResult, commandType } from '#contract/commands.js';
import { buildTopic, parseTopic } from '#contract/topics.js';
import { openCommandDesk } from '../../provisioning/commands/desk.js';
import { openCommandKeys } from '../../provisioning/commands/keys.js';
import { linkCommands } from '../../provisioning/commands-wiring.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import type { BoxRecord } from '../../provisioning/store/boxes.js';
import { openStore } from '../../provisioning/store/store.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

export const box = 'box-000000000001';
export const boxRecord: BoxRecord = {
  ...{ enrolledAt: 0, claim: '' },
  certificate: { serial: '01', notAfter: 4e12, keyHash: '', der: '' },
};

export interface Published {
  topic: string;
  payload: string;
  retain: boolean;
  /** As it was signed. */
  command?: Command;
  kid?: string;
}

export async function commandDesk(wish: {
  directory: string;
  clock?: ManualClock;
  onCommit?: (operations: readonly Operation[]) => void;
  onPublish?: (published: Published) => void;
}) {
  const { directory, clock = createManualClock() } = wish;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const opened = await openStore(directory);
  const store = {
    ...opened,
    async commit(operations: readonly Operation[]) {
      wish.onCommit?.(operations);
      await opened.commit(operations);
    },
  };
  const events = createEventLog({ store: opened, clock });
  const online = new Set<string>();
  const published: Published[] = [];
  const waiting: (() => void)[] = [];
  const desk = await openCommandDesk({ store, events, clock, territory: 'north' });
  const keys = await openCommandKeys({ files, directory, clock });
  const link = linkCommands({
    ...{ desk, keys, events, clock, log: pino({ level: 'silent' }) },
    online: (one) => online.has(one),
    publish(topic, payload, options) {
      const kid = unverifiedHeader(payload, commandType)?.kid;
      const text = Buffer.from(payload.split('.')[1] ?? '', 'base64url').toString();
      const one: Published = {
        ...{ topic, payload, retain: options?.retain ?? false },
        ...(kid === undefined ? {} : { kid, command: JSON.parse(text) as Command }),
      };
      wish.onPublish?.(one);
      published.push(one);
      for (const wake of waiting.splice(0)) wake();
    },
  });
  if (!(await opened.boxes.get(box)))
    await opened.commit([{ type: 'put', sublevel: opened.boxes, key: box, value: boxRecord }]);
  let closed = false;

  return {
    ...{ store: opened, desk, keys, link, events, online, published, clock },
    /** Resolves once this holds; asked at each thing that is published. */
    async until(holds: () => boolean): Promise<void> {
      while (!holds()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    commands: () => published.flatMap(({ command }) => (command ? [command] : [])),
    born(one = box) {
      online.add(one);
      link.changed(one);
    },
    gone(one = box) {
      online.delete(one);
      link.changed(one);
    },
    /** As the broker brings it. */
    say: (result: CommandResult, from = box) => {
      const topic = parseTopic(buildTopic({ box: from, direction: 'up', kind: 'result', command: result.command }));
      return link.receive({ box: from, topic: topic!, payload: Buffer.from(JSON.stringify(result)) });
    },
    raw: (kind: 'result' | 'live', payload: Buffer, command = '0'.repeat(16)) =>
      link.receive({
        box,
        topic: kind === 'live' ? { box, direction: 'up', kind } : { box, direction: 'up', kind, command },
        payload,
      }),
    async close() {
      if (closed) return;
      closed = true;
      await link.stop();
      await events.stop();
      await opened.close();
    },
  };
}
export type TestCommandDesk = Awaited<ReturnType<typeof commandDesk>>;
