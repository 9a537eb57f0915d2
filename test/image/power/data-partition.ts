/** /data after a cut: the journal is played back as at each mount, and then nothing may be left to repair. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { source } from '../../../image/places.js';
import { sha256OfFile } from '../../../image/run.js';

/** What e2fsck -p may say. */
const harmless = [
  /: recovering journal$/,
  /: Clearing orphaned inode /,
  /: clean, \d+\/\d+ files, \d+\/\d+ blocks$/,
  /^\s*$/,
];

/**
 * And this, where the block was torn that ends a transaction of the journal: nobody had been told that it was kept. e2fsck
 * leaves it out, looks at everything, and by itself is done.
 */
const tornCommit = /: Journal transaction \d+ was corrupt, replay was aborted\.$/m;
const harmlessThen = [
  tornCommit,
  / contains a file system with errors, check forced\.$/,
  /: \d+\/\d+ files \([\d.]+% non-contiguous\), \d+\/\d+ blocks$/,
];

/**
 * Does what the box does before it mounts it (image/overlay/usr/lib/webizen/data); answers what else was amiss. A super block
 * that was torn is no fault: it is written in place, and the box has e2fsck take one of its copies by itself.
 */
export function repairData(partition: string): string[] {
  const faults: string[] = [];
  const state = spawnSync('sh', [source('overlay/usr/lib/webizen/data'), 'state', partition], { encoding: 'utf8' });
  if (!/^(plain|pristine)$/m.test(state.stdout))
    faults.push(`the box would take it for ${state.stdout}${state.stderr}`);
  const isWhole = !/^dumpe2fs: Superblock /m.test(
    spawnSync('dumpe2fs', ['-h', partition], { encoding: 'utf8' }).stderr,
  );
  const repaired = spawnSync('e2fsck', [isWhole ? '-p' : '-y', partition], { encoding: 'utf8' });
  const said = `${repaired.stdout}${repaired.stderr}`;
  if ((repaired.status ?? 8) > 1) faults.push(`e2fsck ends with ${repaired.status}`);
  const known = tornCommit.test(said) ? [...harmless, ...harmlessThen] : harmless;
  for (const line of isWhole ? said.split('\n') : [])
    if (!known.some((one) => one.test(line))) faults.push(`e2fsck -p: ${line}`);
  const left = spawnSync('e2fsck', ['-f', '-n', partition], { encoding: 'utf8' });
  if (left.status !== 0) faults.push(`e2fsck -fn after the repair: ${left.stdout.trim()}`);
  return faults;
}

/** Copies directories out of it, those that are there. */
export function takeOut(partition: string, names: readonly string[], to: string): void {
  for (const name of names) {
    const parent = path.join(to, path.dirname(name));
    mkdirSync(parent, { recursive: true });
    // It complains on stderr alone where there is no such directory.
    spawnSync('debugfs', ['-R', `rdump "/${name}" "${parent}"`, partition], { stdio: 'ignore' });
  }
}

/**
 * Files that were written whole or not at all: none is empty, JSON is JSON, and a bundle is what its name says. What still
 * grows bears another name. @param passes by its path: not looked at
 */
export function tornFiles(folder: string, passes: RegExp): string[] {
  if (!existsSync(folder)) return [];
  const faults: string[] = [];
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(folder, name);
    if (passes.test(name) || !statSync(file).isFile()) continue;
    const [, digest] = /(?:^|\/)([0-9a-f]{64})\.raucb$/.exec(name) ?? [];
    if (digest !== undefined) {
      if (sha256OfFile(file) !== digest) faults.push(`${name} is not what it is called`);
      continue;
    }
    const text = readFileSync(file, 'utf8');
    if (/^\0*$/.test(text)) faults.push(`${name} is empty`);
    else if (name.endsWith('.json'))
      try {
        JSON.parse(text);
      } catch {
        faults.push(`${name} is torn: ${JSON.stringify(text.slice(0, 40))}`);
      }
  }
  return faults;
}
