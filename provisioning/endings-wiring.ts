/** The end of a box, wired: its session at the broker ends with it, and what waits for it is forgotten. */
import { Refusal } from '#contract/problems.js';
import type { Boxes } from './boxes/boxes.js';
import type { BrokerSide } from './brokers.js';
import type { CommandLink } from './commands-wiring.js';
import type { Ground } from './ground.js';
import type { Mail } from './messages/messages.js';
import type { Store } from './store/store.js';

export interface Endings {
  /** As `Boxes.revoke`; resolves when the session is over, or when that is taking too long. */
  revoke: Boxes['revoke'];
  /** From now on whatever ends a box ends its session. */
  start(): void;
}

export function createEndings(
  { log, onStop }: Ground,
  {
    store,
    boxes,
    broker,
    mail,
    commands,
  }: {
    store: Pick<Store, 'boxes'>;
    boxes: Boxes;
    broker: Pick<BrokerSide, 'intend' | 'end'>;
    mail: Pick<Mail, 'ended'>;
    commands: Pick<CommandLink, 'ended'>;
  },
): Endings {
  const byOperator = new Set<string>();

  async function cut(box: string): Promise<void> {
    await broker.intend(box);
    await broker.end(box);
  }

  return {
    /** Told first that it is meant: a cut in between is made up for at the next start. */
    async revoke(box, wish) {
      if (store.boxes.getSync(box) === undefined) throw new Refusal('box-unknown', box); // nothing is meant of a stranger
      byOperator.add(box);
      try {
        await broker.intend(box);
        await boxes.revoke(box, wish);
        await broker.end(box);
      } finally {
        byOperator.delete(box);
      }
    },
    start() {
      const orSay = (text: string, box: string) => (error: unknown) => log.error({ err: error, box }, text);
      onStop(
        boxes.onEnded((box) => {
          mail.ended(box).catch(orSay('cannot forget the messages of a box', box));
          commands.ended(box).catch(orSay('cannot end the commands of a box', box));
          if (!byOperator.has(box)) cut(box).catch(orSay('cannot end the session of a box', box));
        }),
      );
    },
  };
}
