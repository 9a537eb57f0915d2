/** A box over a machine with two slots, and a catalogue of systems that a test selects from. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Test } from 'tap';
import type { OsRelease } from '#contract/os-release.js';
import { ownFolder } from './folder.js';
import { jumpingClock, type OsBox, type OsBoxWish, osBox, osCatalogue } from './os-box.js';
import { type Behaviour, someRelease, testBundle, testPublisher } from './os-release.js';
import { machineIn, newMachine, start } from './two-slots.js';

type Selected = Partial<OsRelease> & { notBefore?: number; behaviour?: Behaviour };

export async function osTrial(
  t: Test,
  { machine, bundleOf = testBundle }: { machine?: { cannotStream?: boolean }; bundleOf?: typeof testBundle } = {},
) {
  const folder = path.join(await ownFolder(t), 'box');
  await mkdir(folder);
  newMachine(folder, '1.0.0', machine);
  const publisher = await testPublisher();
  const { now: catalogue, asked, parts, source } = osCatalogue();
  const clock = jumpingClock();
  let box: OsBox | undefined;
  let restarts = new Promise<void>(() => {});
  t.teardown(() => box?.close());

  const trial = {
    ...{ folder, publisher, catalogue, asked, parts, clock },
    box(): OsBox {
      if (!box) throw new Error('it does not run');
      return box;
    },
    async open(more: Partial<OsBoxWish> = {}): Promise<OsBox> {
      let restart = (): void => {};
      restarts = new Promise((resolve) => {
        restart = resolve;
      });
      box = await osBox({ folder, source, clock, keys: publisher.keys, reboot: () => restart(), ...more });
      return box;
    },
    async select(version: string, { notBefore, behaviour, ...more }: Selected = {}): Promise<void> {
      const { bytes, bundle } = bundleOf(version, behaviour);
      catalogue.bytes = bytes;
      const release = await publisher.sign(someRelease({ version, bundle, ...more }));
      catalogue.selection = { release, notBefore: notBefore ?? null };
      await box?.updates.ask();
    },
    /** Resolves when the machine is asked to restart. */
    wantsRestart: () => restarts,
    /** Off and on again, so often. */
    async powered(times = 1, more: Partial<OsBoxWish> = {}): Promise<OsBox> {
      await box?.close();
      for (let one = 0; one < times; one += 1) start(folder);
      return trial.open(more);
    },
    /** Once it asks for it. */
    async restarted(more: Partial<OsBoxWish> = {}): Promise<OsBox> {
      await restarts;
      return trial.powered(1, more);
    },
    runs(): string | null {
      const { booted, slots } = machineIn(folder);
      return slots[booted].version;
    },
  };
  return trial;
}
