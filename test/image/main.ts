/**
 * `make image-test`: the image started in QEMU, against a real provider. A scenario is a module of `scenarios/` with a
 * `name` and a `run`. Runs in a network namespace of its own (see the Makefile).
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
  run(rig: Rig): Promise<void>;
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
  word === 'sample' ? all.get(file)?.sample === true : file.includes(word);
const chosen = [...all].filter(([file]) =>
  words.length === 0 ? file === wholePath : words.some((word) => isMeant(file, word)),
);
if (chosen.length === 0) throw new Error(`no scenario is called so: there are ${[...all.keys()].join(', ')}`);

execFileSync('ip', ['link', 'set', 'lo', 'up']);
execFileSync('ip', ['address', 'add', `${host}/32`, 'dev', 'lo']);
for (const [file, { name, run }] of chosen) {
  process.stdout.write(`# ${name}\n`);
  const rig = await openRig(architecture, file);
  try {
    await run(rig);
  } finally {
    await rig.close();
  }
  process.stdout.write(`it holds: ${name}\n`);
}
