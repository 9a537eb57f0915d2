/**
 * Brings to each box what was asked of it, while it is online: one command at a time, in the order of their sequences,
 * until its answer is here. A box takes no sequence below one that it has taken, so that none must overtake another.
 */
import type { Clock } from '#common/clock.js';
import { signCommand, signDesired } from '#common/commands.js';
import type { DesiredState } from '#contract/commands.js';
import { buildTopic } from '#contract/topics.js';
import { createTurns } from '../store/turns.js';
import type { CommandDesk } from './desk.js';
import type { CommandSigner } from './keys.js';

export type Publish = (topic: string, payload: string, options?: { retain?: boolean }) => void;

export interface CommandDelivery {
  /** Something may be sent to the box. */
  wake(box: string): void;
  /** A session of the box has begun: what was on its way in the one before is sent again. */
  born(box: string): void;
  /** The box is no more. */
  forget(box: string): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

/** Sent again after so long without an answer: the broker may have taken it for somebody who was not there. */
const patienceMilliseconds = 30_000;

export function createCommandDelivery({
  desk,
  signer,
  online,
  publish,
  onSent,
  clock,
  log,
}: {
  desk: CommandDesk;
  signer: () => CommandSigner;
  online: (box: string) => boolean;
  publish: Publish;
  /** It is on its way. */
  onSent: (command: { box: string; id: string; kind: string; parameters: Record<string, unknown> }) => void;
  clock: Clock;
  log: { error(details: object, text: string): void };
}): CommandDelivery {
  const turns = createTurns();
  const stopping = new AbortController();
  const sent = new Map<string, { id: string; at: number }>();
  const underWay = new Set<Promise<void>>();
  const ends: (() => void)[] = [];

  const state = async (desired: DesiredState): Promise<void> => {
    const { key, kid } = signer();
    const topic = buildTopic({ box: desired.box, direction: 'down', kind: 'desired' });
    publish(topic, await signDesired({ key, kid, payload: desired }), { retain: true });
  };

  async function send(box: string): Promise<void> {
    if (stopping.signal.aborted || !online(box)) return;
    const record = await desk.next(box);
    if (!record) return void sent.delete(box);
    const { command } = record;
    const before = sent.get(box);
    if (before?.id === command.id && clock.now() - before.at < patienceMilliseconds) return;
    await desk.sending(record);
    sent.set(box, { id: command.id, at: clock.now() });
    onSent(command);
    const desired = command.kind === 'set-intervals' ? await desk.desired(box) : undefined;
    if (desired) return state(desired);
    const { key, kid } = signer();
    const topic = buildTopic({ box, direction: 'down', kind: 'command', command: command.id });
    publish(topic, await signCommand({ key, kid, payload: command }));
  }

  function beside(work: Promise<void>): void {
    const mine = work
      .catch((error: unknown) => log.error({ err: error }, 'cannot bring a command to a box'))
      .then(() => void underWay.delete(mine));
    underWay.add(mine);
  }

  function wake(box: string): void {
    if (desk.isOpen(box) && online(box)) beside(turns.take(box, () => send(box)));
  }

  async function run(): Promise<void> {
    // What a broker retains of an earlier run may be old, and the provider's own forgets all.
    for await (const desired of desk.allDesired()) {
      if (stopping.signal.aborted) return;
      await state(desired);
    }
    while (!stopping.signal.aborted) {
      await clock.sleep(patienceMilliseconds / 2, stopping.signal);
      if (stopping.signal.aborted) return;
      await desk.expire();
      for (const box of desk.open()) wake(box);
    }
  }

  return {
    wake,
    born(box) {
      sent.delete(box);
      wake(box);
    },
    async forget(box) {
      sent.delete(box);
      await desk.forget(box);
      publish(buildTopic({ box, direction: 'down', kind: 'desired' }), '', { retain: true });
    },
    start() {
      ends.push(desk.onNew(wake));
      beside(run());
    },
    async stop() {
      stopping.abort();
      for (const end of ends.splice(0)) end();
      await Promise.all(underWay);
    },
  };
}
