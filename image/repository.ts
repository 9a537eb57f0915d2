/** The locked packages as a repository of their own: the only one that mmdebstrap is shown. */
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { debOf } from './fetch.js';
import type { Locked } from './lock.js';
import { cached } from './places.js';
import { sha256 as digestOf, outputOf } from './run.js';

/** Its sources line, and the names of all packages in it. */
export function repository(name: string, packages: readonly Locked[]): { line: string; names: string[] } {
  const home = cached('repositories', name);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  const names: string[] = [];
  const stanzas = packages.map(({ sha256, sizeBytes }) => {
    const file = `${sha256}.deb`;
    linkSync(debOf(sha256), `${home}/${file}`);
    const control = outputOf('dpkg-deb', ['--field', debOf(sha256)]).trimEnd();
    names.push(/^Package: (.*)$/m.exec(control)?.[1] ?? '');
    return `${control}\nFilename: ./${file}\nSize: ${sizeBytes}\nSHA256: ${sha256}\n`;
  });
  const index = stanzas.join('\n');
  writeFileSync(`${home}/Packages`, index);
  // mmdebstrap asks apt for the essential packages of this suite.
  const release = `Suite: trixie\nCodename: trixie\nSHA256:\n ${digestOf(index)} ${Buffer.byteLength(index)} Packages\n`;
  writeFileSync(`${home}/Release`, release);
  return { line: `deb [trusted=yes] copy://${home} ./`, names };
}
