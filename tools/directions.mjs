// The directions of the house: who may import whom, and that only the mains touch the process.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..'));

/** @param {string} dir */
const sources = (dir) =>
  readdirSync(dir, { recursive: true })
    .map((file) => path.join(dir, String(file)))
    .filter((file) => /\.tsx?$/.test(file));

/** Where an import leads: a file of ours without its ending, or a package. @param {string} from @param {string} what */
function targetOf(from, what) {
  const plain = what.replace(/\.js$/, '');
  if (plain.startsWith('#contract/')) return plain.replace('#contract/', 'agent/contract/');
  if (plain.startsWith('#common/')) return plain.replace('#common/', 'common/');
  return plain.startsWith('.') ? path.join(path.dirname(from), plain) : undefined;
}

/** @param {string} target */
const sourceOf = (target) => [`${target}.ts`, `${target}.tsx`, target].find((file) => existsSync(file)) ?? target;

/** The room of a file: `agent/link`, `common`, `provisioning/est`; the files that wire have none. @param {string} file */
function roomOf(file) {
  const [side, room, inner] = file.split('/');
  if (side === 'common') return 'common';
  return inner === undefined ? `${side}` : `${side}/${room}`;
}

// `agent/dev` is a program of its own, which makes an agent with stand-ins for a developer's machine.
const wires = new Set(['agent', 'agent/dev', 'provisioning', 'provisioning/cli']);
/** @type {string[]} */
const faults = [];

for (const file of ['agent', 'common', 'image', 'provisioning', 'sdk'].flatMap(sources)) {
  const text = readFileSync(file, 'utf8');
  const room = roomOf(file);
  const side = file.split('/')[0];
  /** The `webizen` command and the back end are programs of their own; the rest of the SDK goes into apps. */
  const bundled = room === 'sdk/cli' || room === 'sdk/publish' || room === 'sdk/backend';
  const browser = /^(provisioning\/console|agent\/owner)\/web\//.test(file);

  for (const [, kind, what] of text.matchAll(/^(?:import|export)\s+(type\b)?[^'";]*?from\s+'([^']+)'/gm)) {
    const target = targetOf(file, what);
    const fault = (/** @type {string} */ rule) => faults.push(`${file} imports ${what}: ${rule}`);
    if (target === undefined) {
      const free = what.startsWith('node:');
      if (room === 'agent/contract' && !free && !what.startsWith('typebox'))
        fault('the contract imports typebox and node: alone');
      if (side === 'sdk' && !bundled && !free) fault('what an app takes along has no dependencies');
      if (bundled && !free && !what.startsWith('typebox')) fault('the tools stand on what common has');
      if (what.startsWith('node-forge') && !file.startsWith('common/pki/'))
        fault('ASN.1 is made and read in common/pki alone');
      continue;
    }
    const itsRoom = roomOf(target);
    // It would be a fourth of the page, which reads what its own box has checked.
    if (browser && !kind && readFileSync(sourceOf(target), 'utf8').includes("from 'typebox'"))
      fault('a page takes no schema along');
    if (itsRoom === room || itsRoom === 'agent/contract') continue;
    if (room === 'agent/contract') fault('the contract imports nothing local');
    else if (itsRoom === 'common') {
      if ((side === 'sdk' && !bundled) || browser) fault('what runs elsewhere stands on the contract alone');
    } else if (room === 'common') fault('what both sides stand on knows neither');
    else if (itsRoom.split('/')[0] !== side) fault('the sides meet in the contract alone');
    else if (side === 'sdk') {
      if (room === 'sdk/client' || itsRoom === 'sdk/cli') fault('the client stands alone, and nothing on the command');
    } else if (wires.has(itsRoom)) {
      if (!kind && !wires.has(room)) fault('a room is wired, it does not reach for the wiring');
    } else if (itsRoom.endsWith('/store')) {
    } else if (!wires.has(room) && !kind) fault('a room is handed what it needs; it may import its types');
  }

  if (path.basename(file) !== 'main.ts' && !browser && side !== 'sdk') {
    const touched = /\bprocess\.(argv|env|exit|exitCode|on|once|stdout|stderr|stdin|chdir)\b/.exec(text);
    if (touched && !file.startsWith('provisioning/cli/'))
      faults.push(`${file} touches ${touched[0]}: only main.ts is the process`);
  }
}

for (const fault of faults) console.error(fault);
console.log(faults.length === 0 ? 'import directions hold' : `${faults.length} imports go the wrong way`);
process.exit(faults.length === 0 ? 0 : 1);
