/**
 * The base layer that Node apps share: a Node and the libraries that it is linked with, and what a root filesystem needs
 * besides, which is little. No shell, no certificates, no package manager: what is not there cannot be used.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Refusal } from '#contract/problems.js';
import { filesBelow, folder, foldersAbove, type LayerFile, type PackedLayer, packFiles } from './pack.js';

const run = promisify(execFile);

/** Where paths begin: at `/`, or below another root filesystem. No link may lead out of that. @throws Refusal `pack-refused` */
async function fileBelow(root: string, file: string): Promise<string> {
  const found = await realpath(path.join(root, file)).catch((error: unknown) => {
    throw new Refusal('pack-refused', `cannot read ${file}`, { cause: error });
  });
  if (path.relative(await realpath(root), found).startsWith('..'))
    throw new Refusal('pack-refused', `${file} leads out of ${root}`);
  return found;
}

/** Absolute paths of the loader and the libraries. A program that is linked with none has none. @throws Refusal `pack-refused` */
async function librariesOf(program: string, root: string): Promise<{ loader: string[]; libraries: string[] }> {
  if (!(await isElf(await fileBelow(root, program))))
    throw new Refusal('pack-refused', `${program} is no program that Linux runs by itself`);
  let told: string;
  try {
    const [command = '', ...args] = [...(root === '/' ? [] : ['chroot', root]), 'ldd', program];
    ({ stdout: told } = await run(command, args, { env: { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/bin' } }));
  } catch (error) {
    if (/not a dynamic executable/.test(String(error))) return { loader: [], libraries: [] };
    throw new Refusal('pack-refused', `cannot tell which libraries ${program} is linked with`, { cause: error });
  }
  const missing = /^\s*(\S+) => not found/m.exec(told);
  if (missing) throw new Refusal('pack-refused', `${program} needs ${missing[1]}, which is not on this machine`);
  return {
    libraries: [...told.matchAll(/ => (\/\S+)/g)].map(([, file]) => file ?? ''),
    loader: [...told.matchAll(/^\s*(\/\S+) \(/gm)].map(([, file]) => file ?? ''),
  };
}

/** Where Debian's Node keeps parts of itself, which is written into the program and its library; without them it does not start. */
export const partsIn = (program: Buffer): string[] => [
  ...new Set(program.toString('latin1').match(/\/usr\/share\/nodejs\/[\w./-]+\.js(?=\0)/g)),
];

/** What it begins with (System V ABI, ELF header). A wrapper written in a shell has nothing to run it in an image. */
async function isElf(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await handle.close();
  }
}

/** Mount points, and what programs expect to find. */
const folders = ['app', 'dev', 'etc', 'proc', 'run/app', 'run/webizen', 'sys', 'usr/bin', 'var'];

/**
 * Of the machine it runs on, whose architecture it has, or of another root filesystem. As reproducible as its inputs: the
 * same Node, the same libraries.
 * @param node path of a Node executable; in the image it is `/usr/bin/node`
 * @param root in which `node` is looked for; what is in another one than `/` must be able to run here, and chroot(1) wants root
 * @param directory where the blob is left
 * @throws Refusal `pack-refused`
 */
export async function packBase(wish: { node: string; directory: string; root?: string }): Promise<PackedLayer> {
  const { node, directory, root = '/' } = wish;
  const { loader, libraries } = await librariesOf(node, root);
  // The loader looks beside the C library whatever else it is told, so they all go there.
  const libc = libraries.find((file) => /^libc[.-]/.test(path.basename(file)));
  const home = libc ? path.dirname(libc) : '/usr/lib';
  const places = new Map<string, string>([
    ['usr/bin/node', node],
    ...loader.map((file): [string, string] => [file.slice(1), file]),
    ...libraries.map((file): [string, string] => [path.join(home, path.basename(file)).slice(1), file]),
  ]);
  const files: LayerFile[] = [];
  for (const program of [node, ...libraries.filter((file) => /^libnode[.-]/.test(path.basename(file)))])
    for (const part of partsIn(await readFile(await fileBelow(root, program))))
      if (existsSync(path.join(root, part))) places.set(part.slice(1), part);
  for (const [name, file] of places) files.push({ name, mode: 0o755, content: { file: await fileBelow(root, file) } });
  return packFiles(completed(files), directory);
}

/** With the files and folders that a root filesystem needs, where it has them not. */
function completed(files: readonly LayerFile[]): LayerFile[] {
  const has = new Set(files.map(({ name }) => name.replace(/\/$/, '')));
  const users: LayerFile[] = [
    { name: 'etc/passwd', content: 'nobody:x:65534:65534:nobody:/:/nonexistent\n' },
    { name: 'etc/group', content: 'nogroup:x:65534:\n' },
  ];
  const all = [...files, ...users.filter(({ name }) => !has.has(name))];
  const needed = new Set([
    ...folders.flatMap((name) => [...foldersAbove(name), name]),
    ...all.flatMap(({ name }) => foldersAbove(name.replace(/\/$/, ''))),
  ]);
  const missing = [...needed].filter((name) => !has.has(name)).map((name) => folder(name));
  return [...all, ...missing, ...(has.has('tmp') ? [] : [folder('tmp', 0o1777)])];
}

/**
 * Of a root filesystem that somebody has made, in a folder: any interpreter with what it needs.
 * @param directory where the blob is left
 * @throws Refusal `pack-refused`
 */
export const packRoot = async ({ root, directory }: { root: string; directory: string }): Promise<PackedLayer> =>
  packFiles(completed(await filesBelow(root, '')), directory);
