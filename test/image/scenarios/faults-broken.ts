/**
 * A new system with a fault: the box leaves it by itself, is the same on the system before, says why, and does not try that
 * version again. `FAULT=name,name` runs some of them.
 */
import { rmSync } from 'node:fs';
import { alter } from '../altered.js';
import { type Fault, faults } from '../broken.js';
import { onBootPartition } from '../card.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { switched } from '../switched.js';
import { told, watch } from '../watched.js';

export const name = 'a new system with a fault is left again, and the box says why';

export async function run(rig: Rig): Promise<void> {
  const { FAULT } = process.env;
  const chosen = faults.filter((one) => (FAULT ? FAULT.split(',').includes(one.name) : true));
  if (chosen.length === 0) throw new Error(`no fault is called ${FAULT}`);
  for (const fault of chosen) await survive(rig, fault);
}

async function survive(rig: Rig, fault: Fault): Promise<void> {
  const { expect, until } = rig;
  const { card, territory, box } = await switched(rig, fault.name);
  alter(card, 'rootfs-b', fault.changes(card));
  const provider = await territory.serve();
  const seen = watch({ rig, provider, territory, box });
  const began = Date.now();
  rig.say(`the new system has a fault: ${fault.name}`);
  rig.begin();
  let machine: Machine | undefined;
  try {
    const boot = () => rig.start({ name: fault.name, card, more: fault.more ?? [] });
    machine = boot();
    for (let cut = 0; cut < (fault.cuts ?? 0); cut += 1) {
      await until(machine, 'the new system begins', async () => tries(card) > cut);
      await new Promise((resolve) => setTimeout(resolve, 30_000)); // it does nothing: somebody looks at it for a while
      await machine.cut();
      machine = boot();
    }
    const running = machine;
    const { last } = await seen.until(
      running,
      `${fault.name}: left`,
      ({ version, last }) => version === '1.0.0' && last?.version === '1.1.0',
    );
    expect(last?.outcome === 'rolled-back' && last.from === '1.0.0', `${fault.name}: ${JSON.stringify(last)}`);
    expect(fault.code.test(last?.code ?? '') && fault.detail.test(last?.detail ?? ''), `${fault.name}: why is told`);
    await until(running, `${fault.name}: online`, () => seen.isHeard(began));
    const boxes = await provider.boxes();
    expect(boxes.length === 1 && boxes[0]?.id === box, 'it is the same box');
    await until(running, `${fault.name}: the provider is told that it is not tried again`, async () => {
      const { refused, next } = (await seen.os()) ?? {};
      return refused?.code === 'os-failed-before' && next === null;
    });
    await until(running, `${fault.name}: health`, async () => {
      const { health } = await provider.box(box);
      return (health?.at ?? 0) > began;
    });
    await until(running, `${fault.name}: event`, async () => seen.events('system-rolled-back').length === 1);
    expect((await told(running, 'os.rolled-back')).length === 1, 'its owner reads of it once');
    await until(running, `${fault.name}: slot good`, async () => /^A_TRY=0$/m.test(environment(card)));
    const now = environment(card);
    expect(/^ORDER=A B$/m.test(now) && /^B_OK=0$/m.test(now), 'the slot before is what starts, and the other is not');
  } finally {
    await machine?.cut();
    await provider.stop();
    rmSync(card, { force: true });
  }
}

/** As far as the guest has written it. */
const environment = (card: string): string => onBootPartition(card, 'EFI/debian/grubenv');
const tries = (card: string): number => Number(/^B_TRY=(\d)$/m.exec(environment(card))?.[1] ?? 0);
