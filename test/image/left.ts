/** A new system that was left: what has to hold of the box then, whatever was wrong. */
import { onBootPartition } from './card.js';
import type { Machine } from './machine.js';
import type { Rig } from './rig.js';
import type { Serving } from './territory.js';
import { told, type Watched } from './watched.js';

/** As far as the guest has written it. */
export const environment = (card: string): string => onBootPartition(card, 'EFI/debian/grubenv');
/** Of slot B. */
export const tries = (card: string): number => Number(/^B_TRY=(\d)$/m.exec(environment(card))?.[1] ?? 0);

export interface Leaving {
  /** Begins each line that is said. */
  name: string;
  card: string;
  machine: Machine;
  provider: Serving;
  seen: Watched;
  box: string;
  /** When the new system was first started. */
  began: number;
  /** Of `reported.os.last`. */
  code: RegExp;
  detail: RegExp;
}

/** Waits until it is on 1.0.0 again, in slot A, says why and works; 1.1.0 is not tried again. */
export async function isLeft(rig: Rig, leaving: Leaving): Promise<void> {
  const { expect, until } = rig;
  const { name, card, machine, provider, seen, box, began, code, detail } = leaving;
  const { last } = await seen.until(
    machine,
    `${name}: left`,
    ({ version, last }) => version === '1.0.0' && last?.version === '1.1.0',
  );
  expect(last?.outcome === 'rolled-back' && last.from === '1.0.0', `${name}: ${JSON.stringify(last)}`);
  expect(code.test(last?.code ?? '') && detail.test(last?.detail ?? ''), `${name}: why is told`);
  await until(machine, `${name}: online`, () => seen.isHeard(began));
  const boxes = await provider.boxes();
  expect(boxes.length === 1 && boxes[0]?.id === box, 'it is the same box');
  await until(machine, `${name}: the provider is told that it is not tried again`, async () => {
    const { refused, next } = (await seen.os()) ?? {};
    return refused?.code === 'os-failed-before' && next === null;
  });
  await until(machine, `${name}: health`, async () => {
    const { health } = await provider.box(box);
    return (health?.at ?? 0) > began;
  });
  await until(machine, `${name}: event`, async () => seen.events('system-rolled-back').length === 1);
  expect((await told(machine, 'os.rolled-back')).length === 1, 'its owner reads of it once');
  await until(machine, `${name}: slot good`, async () => /^A_TRY=0$/m.test(environment(card)));
  const now = environment(card);
  expect(/^ORDER=A B$/m.test(now) && /^B_OK=0$/m.test(now), 'the slot before is what starts, and the other is not');
}
