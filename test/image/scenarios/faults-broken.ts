/**
 * A new system with a fault: the box leaves it by itself, is the same on the system before, says why, and does not try that
 * version again. `FAULT=name,name` runs some of them; the sample is one.
 */
import { rmSync } from 'node:fs';
import { alter } from '../altered.js';
import { type Fault, faults } from '../broken.js';
import { isLeft, tries } from '../left.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';
import { switched } from '../switched.js';
import { watch } from '../watched.js';

export const name = 'a new system with a fault is left again, and the box says why';

export const sample = true;
/** What has to be made for it, a card that is settled and then switched, is half of it. */
export const minutes = 18;

export async function run(rig: Rig, isSample: boolean): Promise<void> {
  const { FAULT = isSample ? 'agent' : undefined } = process.env;
  const chosen = faults.filter((one) => (FAULT ? FAULT.split(',').includes(one.name) : true));
  if (chosen.length === 0) throw new Error(`no fault is called ${FAULT}`);
  for (const fault of chosen) await survive(rig, fault);
}

async function survive(rig: Rig, fault: Fault): Promise<void> {
  const { until } = rig;
  const { card, territory, box } = await switched(rig, fault.name);
  alter(card, 'rootfs-b', fault.changes(card));
  const provider = await territory.serve();
  const seen = watch({ rig, provider, territory, box });
  const began = Date.now();
  rig.say(`the new system has a fault: ${fault.name}`);
  rig.begin();
  let machine: Machine | undefined;
  try {
    const boot = () => rig.start({ name: fault.name, card, more: fault.more ?? [], words: fault.words ?? [] });
    machine = boot();
    for (let cut = 0; cut < (fault.cuts ?? 0); cut += 1) {
      await until(machine, 'the new system begins', async () => tries(card) > cut);
      await new Promise((resolve) => setTimeout(resolve, 30_000)); // it does nothing: somebody looks at it for a while
      await machine.cut();
      machine = boot();
    }
    const { code, detail } = fault;
    await isLeft(rig, { name: fault.name, card, machine, provider, seen, box, began, code, detail });
  } finally {
    await machine?.cut();
    await provider.stop();
    rmSync(card, { force: true });
  }
}
