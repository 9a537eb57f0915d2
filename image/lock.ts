/**
 * The lock: which packages an image takes, each with its digest. Made by apt from the lists and the archive's signed index
 * of the day (`make image-lock`), and the only thing that a build reads: what is fetched later must be what stands here.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Architecture, cached, listed, source } from './places.js';
import { outputOf, run } from './run.js';

/** root: installed into the root filesystem; boot: unpacked for the EFI system partition; tools: run while building. */
export const sections = ['root', 'boot', 'tools'] as const;
export type Section = (typeof sections)[number];

export interface Locked {
  section: Section;
  sha256: string;
  sizeBytes: number;
  url: string;
}

export interface Lock {
  /** Of the archive's index: what `SOURCE_DATE_EPOCH` is, and the earliest time that the image can be from. */
  epochSeconds: number;
  packages: Locked[];
}

const mirror = 'http://deb.debian.org';
const keyrings = ['stable', 'automatic', 'security-automatic'].map(
  (name) => `/usr/share/keyrings/debian-archive-trixie-${name}.gpg`,
);
const components = 'main non-free-firmware';

const pathOf = (architecture: Architecture): string => source('lock', architecture);

/** @throws Error when a line is none of a lock */
export function parseLock(text: string): Lock {
  const [head = '', ...lines] = text.split('\n').filter((line) => line && !line.startsWith('#'));
  const epoch = /^epoch ([0-9]+)$/.exec(head)?.[1];
  if (!epoch) throw new Error('cannot read the lock: its first line is no epoch');
  const packages = lines.map((line): Locked => {
    const [, section, digest, size, url] =
      /^(root|boot|tools) ([0-9a-f]{64}) ([0-9]+) (http\S+\.deb)$/.exec(line) ?? [];
    if (!section || !digest || !size || !url) throw new Error(`cannot read the lock: ${line}`);
    return { section: section as Section, sha256: digest, sizeBytes: Number(size), url };
  });
  return { epochSeconds: Number(epoch), packages };
}

export const printLock = ({ epochSeconds, packages }: Lock): string =>
  [
    '# Made by make image-lock.',
    `epoch ${epochSeconds}`,
    ...packages.map(({ section, sha256, sizeBytes, url }) => `${section} ${sha256} ${sizeBytes} ${url}`),
    '',
  ].join('\n');

export const readLock = (architecture: Architecture): Lock => parseLock(readFileSync(pathOf(architecture), 'utf8'));

/** apt with a state of its own, as if nothing were installed. */
function apt(architecture: Architecture): { options: string[]; lists: string } {
  const home = cached('apt', architecture, 'state').replace(/\/state$/, '');
  rmSync(home, { recursive: true, force: true });
  for (const name of ['lists/partial', 'cache/archives/partial', 'etc/apt.conf.d', 'etc/preferences.d', 'parts'])
    mkdirSync(`${home}/${name}`, { recursive: true });
  writeFileSync(`${home}/status`, '');
  const stanza = (uri: string, suites: string) =>
    `Types: deb\nURIs: ${mirror}/${uri}\nSuites: ${suites}\nComponents: ${components}\nSigned-By: ${keyrings.join(' ')}\n`;
  const suites = [stanza('debian', 'trixie trixie-updates'), stanza('debian-security', 'trixie-security')];
  writeFileSync(`${home}/parts/debian.sources`, suites.join('\n'));
  const settings = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Install-Recommends': 'false',
    'Dir::State': home,
    'Dir::State::status': `${home}/status`,
    'Dir::Cache': `${home}/cache`,
    'Dir::Etc': `${home}/etc`,
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': `${home}/parts`,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::ForceHash': 'SHA256',
    'pkgCacheGen::ForceEssential': ',', // apt itself: a box has no use for it
  };
  return {
    options: Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    lists: `${home}/lists`,
  };
}

function printed(section: Section, text: string): Locked[] {
  return text.split('\n').flatMap((line) => {
    const [, url, size, digest] = /^'(\S+)' \S+ ([0-9]+) SHA256:([0-9a-f]{64})$/.exec(line) ?? [];
    return url && size && digest ? [{ section, sha256: digest, sizeBytes: Number(size), url }] : [];
  });
}

/** Resolves the lists against the archive as it is today, and writes the lock. */
export function lock(architecture: Architecture): Lock {
  const target = apt(architecture);
  run('apt-get', [...target.options, '-qq', 'update']);
  const indexes = outputOf('sh', ['-c', 'cat "$1"/*InRelease', 'sh', target.lists]);
  const dates = [...indexes.matchAll(/^Date: (.*)$/gm)].map(([, date = '']) => Date.parse(date) / 1000);
  const install = (options: string[], names: string[]) =>
    outputOf('apt-get', [...options, '-qq', '-y', '--print-uris', 'install', ...names]);
  const download = (names: string[]) =>
    outputOf('apt-get', [...target.options, '-qq', '--print-uris', 'download', ...names]);
  const packages = [
    ...printed('root', install(target.options, ['?essential', ...listed('root'), ...listed(`root.${architecture}`)])),
    ...printed('boot', download(listed(`boot.${architecture}`))),
  ];
  const host = architecture === 'amd64' ? target : apt('amd64');
  if (host !== target) run('apt-get', [...host.options, '-qq', 'update']);
  packages.push(...printed('tools', install(host.options, ['?essential', ...listed('tools.amd64')])));
  packages.sort((one, other) => (one.section + one.url < other.section + other.url ? -1 : 1));
  const made = { epochSeconds: Math.max(...dates), packages };
  mkdirSync(source('lock'), { recursive: true });
  writeFileSync(pathOf(architecture), printLock(made));
  return made;
}
