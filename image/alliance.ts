/** What boxes believe about territories: the alliance's public keys and its directory as the image ships it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { built, cached } from './places.js';

/**
 * A directory with keys.json and directory.jws. Where none is given, an alliance to develop with is made at the first build
 * and kept in the cache; its desk is `alliance/desk`, to add territories to.
 */
export function openAlliance(given: string | undefined): string {
  const home = given ?? cached('alliance', 'public');
  if (given === undefined && !existsSync(home)) {
    const desk = cached('alliance', 'desk');
    const part = `${home}.part`;
    for (const place of [desk, part]) rmSync(place, { recursive: true, force: true });
    mkdirSync(part, { recursive: true });
    const alliance = (...args: string[]): void => {
      const command = [built('bin/webizen-provider.js'), 'alliance', ...args, '--dir', desk];
      const { status } = spawnSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
      if (status !== 0) throw new Error(`cannot make an alliance to develop with: ${args[0]}`);
    };
    alliance('init');
    alliance('publish', '--out', path.join(part, 'directory.jws'), '--valid', '365d');
    copyFileSync(path.join(desk, 'keys.json'), path.join(part, 'keys.json'));
    renameSync(part, home);
  }
  for (const name of ['keys.json', 'directory.jws'])
    if (!existsSync(path.join(home, name))) throw new Error(`cannot find ${name} in ${home}`);
  return home;
}
