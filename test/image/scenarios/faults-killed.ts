/**
 * The plug is pulled in the middle of an update, again and again in one life: while it is fetched, while it is installed, when
 * the boot loader's choice has just been written, in the first boot of the new slot. Each time the box comes back by itself,
 * and in the end it runs the new system. MOMENTS=20: that many moments, over two lives; without it, one of each kind, and
 * in the sample one alone.
 */
import { rmSync } from 'node:fs';
import { randomFrom, seed } from '../../support/random.js';
import { onBootPartition } from '../card.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { watch } from '../watched.js';

export const name = 'the plug is pulled in the middle of an update, and the box ends it all the same';

const kinds = ['fetching', 'installing', 'choice', 'first boot'] as const;
type Moment = (typeof kinds)[number];
/** Of ten. A third cut of the first boot would give the new system up, as it should: its boot loader counts to three. */
const life: Moment[] = [
  ...(['fetching', 'fetching', 'fetching', 'fetching'] as const),
  ...(['installing', 'installing', 'installing', 'choice', 'first boot', 'first boot'] as const),
];

export const sample = true;
export const minutes = 10;

export async function run(rig: Rig, isSample: boolean): Promise<void> {
  const moments = Number(process.env.MOMENTS ?? 0);
  const few: Moment[] = isSample ? ['installing'] : [...kinds];
  const lives = moments === 0 ? [few] : Array.from({ length: Math.ceil(moments / life.length) }, () => life);
  rig.say(`SEED ${seed}`);
  for (const [index, one] of lives.entries()) await live(rig, `life-${index + 1}`, one);
}

/** Repeatable by SEED; where in a stage the cut falls is up to the machine too. */
const random = randomFrom(seed);
const some = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, random() * milliseconds));

async function live(rig: Rig, name: string, moments: readonly Moment[]): Promise<void> {
  const { until, expect } = rig;
  const { card, territory, box } = await rig.settled();
  const provider = await territory.serve();
  const seen = watch({ rig, provider, territory, box });
  const environment = (): string => onBootPartition(card, 'EFI/debian/grubenv');
  const tries = (): number => Number(/^B_TRY=(\d)$/m.exec(environment())?.[1] ?? 0);
  let starts = 0;
  const boot = (): Machine => rig.start({ name: `${name}-${++starts}`, card });
  let machine = boot();
  /** Tries of the new slot when the plug was pulled last. */
  let counted = 0;

  async function reach(moment: Moment): Promise<void> {
    if (moment === 'choice')
      return until(
        machine,
        'the choice is written',
        async () => /^ORDER=B A$/m.test(environment()) && tries() === 0,
      ).then(() => {});
    if (moment === 'first boot') {
      await until(machine, 'the new system begins', async () => tries() > counted);
      return some(60_000);
    }
    const stage = moment;
    await seen.until(machine, stage, ({ next }) => next?.stage === stage);
    return some(stage === 'fetching' ? 20_000 : 60_000);
  }

  try {
    rig.begin();
    const began = Date.now();
    await until(machine, 'online', () => seen.isHeard(began));
    territory.update(box, rig.release);
    for (const moment of moments) {
      await reach(moment);
      await machine.cut();
      counted = tries();
      rig.say(
        `the plug is pulled: ${moment}; the boot loader has ${environment()
          .match(/^[A-Z_]+=.*$/gm)
          ?.join(' ')}`,
      );
      machine = boot();
      const again = Date.now();
      // What begins in the first boot is cut there: nobody waits for it to be heard.
      if (moment !== 'choice' && moment !== 'first boot') {
        await until(machine, `back after ${moment}`, () => seen.isHeard(again));
        const os = await seen.os();
        expect(os?.version === '1.0.0' && os.last === null, `it runs what it ran: ${JSON.stringify(os)}`);
      }
    }
    const { last } = await seen.until(machine, 'the new system is kept', ({ last }) => last !== null);
    expect(last?.outcome === 'done' && last.version === rig.release.version, `it ended well: ${JSON.stringify(last)}`);
    const end = Date.now();
    await until(machine, 'online with the new system', () => seen.isHeard(end));
    const boxes = await provider.boxes();
    expect(boxes.length === 1 && boxes[0]?.id === box, 'it is the same box');
    expect(seen.events('system-updated').length === 1, 'it is told once');
    await until(machine, 'slot B good', async () => /^GOOD=B$/m.test(onBootPartition(card, 'EFI/debian/good.env')));
    expect(/^ORDER=B A$/m.test(environment()) && tries() === 0, 'the new slot is what starts');
  } finally {
    await machine.cut();
    await provider.stop();
    rmSync(card, { force: true });
  }
}
