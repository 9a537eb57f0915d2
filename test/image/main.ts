/**
 * `make image-test`: the image started in QEMU, against a real provider. A scenario is a module of `scenarios/` with a
 * `name` and a `run`. Runs in a network namespace of its own (see the Makefile).
 *
 * Words say which: parts of their files' names, or `sample` for the whole path and all that say so of themselves. MINUTES=25
 * is for all of them together: what has no room left is left out by name. The whole path fails when it takes longer; another
 * is ended then and said to be, for how long it takes is the machine's more than the image's.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { type Architecture, architectures, built } from '../../image/places.js';
import { host, openRig, type Rig } from './rig.js';

export interface Scenario {
  name: string;
  /** True: also run where there is time for a few alone. */
  sample?: boolean;
  /** Room that it wants where time is short, on a machine with two cores and nothing else to do; 6 when not given. */
  minutes?: number;
  /** @param isSample where time is short: of many alike, one */
  run(rig: Rig, isSample: boolean): Promise<void>;
}

const [given, ...words] = process.argv.slice(2);
const architecture = architectures.find((one) => one === given) as Architecture;
if (!architecture) throw new Error(`cannot boot ${given}: it is ${architectures.join(' or ')}`);

const folder = built('test/image/scenarios');
const wholePath = 'flash-to-updated';
const all = new Map<string, Scenario>();
for (const file of readdirSync(folder).filter((name) => name.endsWith('.js')))
  all.set(path.basename(file, '.js'), await import(path.join(folder, file)));
const isMeant = (file: string, word: string): boolean =>
  word === 'sample' ? file === wholePath || all.get(file)?.sample === true : file.includes(word);
const chosen = [...all]
  .filter(([file]) => (words.length === 0 ? file === wholePath : words.some((word) => isMeant(file, word))))
  .sort(([one], [other]) => Number(other === wholePath) - Number(one === wholePath));
if (chosen.length === 0) throw new Error(`no scenario is called so: there are ${[...all.keys()].join(', ')}`);

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const minutes = Number(process.env.MINUTES ?? Number.POSITIVE_INFINITY);
const minutesLeft = (): number => minutes - performance.now() / 60_000;

/** Whoever ends the test ends its machines. */
const ended = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => reject(new Error(`ended by ${signal}`)));
});
ended.catch(() => {}); // told by what races with it

async function one(file: string, { name, run }: Scenario): Promise<void> {
  say(`# ${name}`);
  const rig = await openRig(architecture, file);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    if (Number.isFinite(minutes)) timer = setTimeout(resolve, minutesLeft() * 60_000, 'late');
  });
  const going = run(rig, words.includes('sample')).then(() => 'done' as const);
  let how: 'done' | 'late';
  try {
    how = await Promise.race([going, late, ended]);
  } finally {
    clearTimeout(timer);
    await rig.close();
    await going.catch(() => {}); // its machines are gone, and it ends
  }
  const told = `not done in the ${minutes} minutes that there are for all: ${name}`;
  if (how === 'late' && file === wholePath) throw new Error(told);
  say(how === 'late' ? `ended, ${told}` : `it holds: ${name}`);
}

execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('ip', ['address', 'add', `${host}/32`, 'dev', 'lo']);
for (const [file, scenario] of chosen) {
  if (file === wholePath || minutesLeft() >= (scenario.minutes ?? 6)) await one(file, scenario);
  else say(`left out, there is no time for it: ${scenario.name}`);
}
