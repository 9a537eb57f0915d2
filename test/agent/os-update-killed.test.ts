/** SIGKILL, and a pulled plug, before each effect and each commit of an update of the system: a box that works, always. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { ownFolder } from '../support/folder.js';
import { type OsBox, type OsShelf, osBox, quickGate, shelfSource, shortGate } from '../support/os-box.js';
import { type Behaviour, someRelease, streamedBundle, testBundle, testPublisher } from '../support/os-release.js';
import { machineIn, newMachine, start } from '../support/two-slots.js';

t.setTimeout(600_000);

const child = path.resolve('build/test/support/os-child.js');

/** Answers the events that it came to, and whether it ended with a restart of the machine or at its end. */
async function life(place: string, cut: number): Promise<{ events: string[]; isCut: boolean }> {
  const started = spawn(process.execPath, [child, place, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await once(started, 'close');
  return { events: printed.split('\n').filter(Boolean), isCut: started.signalCode === 'SIGKILL' };
}

/** Lives on in this process, over as many restarts as it takes, until the update has its outcome. */
async function liveOn(place: string, shelf: OsShelf): Promise<OsBox> {
  for (;;) {
    let restarts = (): void => {};
    const isRestarted = new Promise<boolean>((resolve) => {
      restarts = () => resolve(true);
    });
    const { booted, slots } = machineIn(place);
    const box = await osBox({
      folder: place,
      keys: shelf.keys,
      source: shelfSource(shelf),
      limits: slots[booted].behaviour.ill === undefined ? quickGate : shortGate,
      reboot: restarts,
    });
    const ended = box
      .until(({ last }) => last !== null)
      .then(async () => {
        for (const { id, endedAt } of box.changes.list()) if (endedAt === null) await box.changes.ended(id);
        return false;
      });
    ended.catch(() => {}); // of a life that was over before
    if (!(await Promise.race([ended, isRestarted]))) {
      await box.isProved;
      return box;
    }
    await box.close();
    start(place);
  }
}

interface Bench {
  place(name: string): string;
  shelf: OsShelf;
  /** A folder as it is when the machine starts for the second or the third time. */
  after(lives: number): Promise<string>;
}

async function bench(t: Test, behaviour: Behaviour, isStreamed = false): Promise<Bench> {
  const folder = await ownFolder(t);
  const publisher = await testPublisher();
  const { bytes, bundle } = isStreamed ? streamedBundle('1.1.0', behaviour, 250_000) : testBundle('1.1.0', behaviour);
  const file = path.join(folder, 'bundle');
  await writeFile(file, bytes);
  const selection = { release: await publisher.sign(someRelease({ bundle })), notBefore: null };
  const shelf: OsShelf = { keys: publisher.keys, selection, bundle: file };
  const place = (name: string): string => path.join(folder, name);
  return {
    ...{ place, shelf },
    async after(lives) {
      const from = place(`after-${lives}`);
      await mkdir(from);
      newMachine(from);
      await writeFile(path.join(from, 'shelf.json'), JSON.stringify(shelf));
      for (let one = 0; one < lives; one += 1) {
        await life(from, 0);
        start(from);
      }
      return from;
    },
  };
}

/** Cut before each event of the life that begins there; alternately the agent alone is gone, or the power too. */
async function cutAtEach(
  t: Test,
  b: Bench,
  { from, wanted, since }: { from: string; wanted: string[]; since?: string },
  check: (box: OsBox, place: string, at: string) => Promise<void> | void,
): Promise<void> {
  const place = b.place('cut');
  async function once(cut: number, name: string): Promise<string[]> {
    await cp(from, place, { recursive: true });
    const { events, isCut } = await life(place, cut);
    if (!isCut || cut % 2 === 0) start(place); // the plug, or the restart that the life ended with
    const box = await liveOn(place, b.shelf);
    await check(box, place, `${name}${isCut && cut % 2 === 0 ? ', and the power' : ''}`);
    await box.close();
    await rm(place, { recursive: true });
    return events;
  }
  const events = await once(0, 'uncut');
  t.comment(`${events.length} events: ${events.join('; ')}`);
  for (const name of wanted) t.ok(events.includes(name), `"${name}" is an event`);
  const first = Math.max(0, events.indexOf(since ?? ''));
  for (const [at, name] of events.entries())
    if (at >= first && events[at + 1] !== name) await once(at + 1, `cut ${name}`);
}

const typesOf = async (box: OsBox): Promise<string[]> =>
  (await box.ledger.entries({ limit: 100 })).map(({ type }) => type).filter((type) => type.startsWith('os.'));

async function checkDone(t: Test, box: OsBox, place: string, at: string): Promise<void> {
  const { booted, slots } = machineIn(place);
  t.equal(slots[booted].version, '1.1.0', `${at}: the new system runs`);
  t.match(box.updates.owner.view(), { version: '1.1.0', last: { version: '1.1.0', outcome: 'done' }, next: null }, at);
  t.same([slots[booted].isGood, slots[booted].tries], [true, 0], `${at}: and has proved itself`);
  t.same(await typesOf(box), ['os.updated'], `${at}: told once`);
  t.same(readdirSync(path.join(box.dataDir, 'os')), [], `${at}: nothing of the bundle is left`);
}

t.test('cut before the machine restarts, the update goes on from there', async (t) => {
  const b = await bench(t, {});
  const wanted = [
    'before the second half of the bundle',
    'before commit changes os-fetch done',
    'in the middle of install',
    'after install',
    'before commit changes os-install done',
    'before commit changes os-wait done',
    'before activate rootfs.1',
    'before reboot',
  ];
  await cutAtEach(t, b, { from: await b.after(0), wanted }, (box, place, at) => checkDone(t, box, place, at));
});

t.test('cut while it is streamed, the update goes on from there', async (t) => {
  const b = await bench(t, {}, true);
  const wanted = [
    'before the first part',
    'before a part',
    'in the middle of install',
    'before commit changes os-install done',
  ];
  await cutAtEach(t, b, { from: await b.after(0), wanted }, (box, place, at) => checkDone(t, box, place, at));
});

t.test('cut on trial, the new system proves itself all the same', async (t) => {
  const b = await bench(t, {});
  const wanted = ['before a look at health', 'before good rootfs.1', 'before commit changes os-commit done'];
  await cutAtEach(t, b, { from: await b.after(1), wanted }, (box, place, at) => checkDone(t, box, place, at));
});

t.test(
  'cut on trial of a system that is ill, and on the way back, the one before runs, and why is known',
  async (t) => {
    const b = await bench(t, { ill: 'the console does not answer' });
    const check = async (box: OsBox, place: string, at: string): Promise<void> => {
      const { booted, slots, order } = machineIn(place);
      t.same(
        [booted, slots[booted].version, order[0]],
        ['A', '1.0.0', 'A'],
        `${at}: the system before runs, and stays`,
      );
      t.notOk(slots.B.isGood, `${at}: the other is not started any more`);
      const { last } = box.updates.owner.view();
      t.match(last, { version: '1.1.0', outcome: 'rolled-back', code: /^os-(unhealthy|not-booted)$/ }, at);
      t.same(await typesOf(box), ['os.rolled-back'], `${at}: told once`);
      await box.updates.ask();
      await box.until(({ refused }) => refused?.code === 'os-failed-before');
      t.equal(box.changes.list().length, 1, `${at}: it is not tried again by itself`);
    };
    const trial = {
      from: await b.after(1),
      wanted: ['before bad rootfs.1', 'before activate rootfs.0', 'before reboot'],
    };
    await cutAtEach(t, b, { ...trial, since: 'before commit changes os-gate undone' }, check);
    const back = {
      from: await b.after(2),
      wanted: ['before commit ledger + os', 'before commit changes os-fetch undone'],
    };
    await cutAtEach(t, b, back, check);
  },
);
