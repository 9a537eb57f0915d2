/** `app base`: the layer that Node apps share, of a node executable; or one of one's own, of a folder. */
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { packBase, packRoot } from '#common/archive/base.js';
import { type Base, baseBlobs, baseFile } from '#common/archive/base-folder.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import { architectureOf } from '../../publish/machine.js';
import { noMoreThan, oneOf, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';

/** One that cannot run here is packed all the same, and goes without a name. */
async function versionOf(node: string): Promise<string | undefined> {
  const told = await promisify(execFile)(node, ['--version']).catch(() => ({ stdout: '' }));
  const [version] = /^v\d+\.\d+\.\d+/.exec(told.stdout) ?? [];
  return version && `Node.js ${version}`;
}

async function ofNode(node: string, directory: string): Promise<Base> {
  const architecture = await architectureOf(node);
  const packed = await packBase({ node, directory: baseBlobs(directory) });
  const about = await versionOf(node);
  return { architecture, layers: [packed], ...(about ? { about } : {}) };
}

async function ofFolder(root: string, directory: string, architecture: Base['architecture']): Promise<Base> {
  if ((await readdir(root).catch(() => [])).length === 0)
    throw new Refusal('base-invalid', `there is nothing in ${root}`);
  const packed = await packRoot({ root, directory: baseBlobs(directory) });
  return { architecture, layers: [packed], about: path.basename(path.resolve(root)) };
}

export const base: Command = async (args, { out }) => {
  const options = { node: text, 'from-folder': text, architecture: text, out: text };
  const { values, positionals } = readArguments(args, options);
  noMoreThan(0, positionals);
  const [node, folder, directory] = [values.node, values['from-folder'], required(values.out, '--out')];
  if ((node === undefined) === (folder === undefined))
    throw new Refusal(
      'arguments-invalid',
      'name a node executable with --node, or a root filesystem with --from-folder',
    );
  if (node !== undefined && values.architecture !== undefined)
    throw new Refusal('arguments-invalid', 'the architecture is that of the node executable');
  const own = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const architecture = oneOf(values.architecture ?? own, '--architecture', ['amd64', 'arm64'] as const);
  await mkdir(baseBlobs(directory), { recursive: true });
  const made =
    node === undefined ? await ofFolder(folder ?? '', directory, architecture) : await ofNode(node, directory);
  await files.write(baseFile(directory), `${JSON.stringify(made, null, 2)}\n`, 0o644);
  for (const { layer } of made.layers)
    out(`${layer.digest}  ${layer.size} bytes, ${made.about ?? 'version not known'} for ${made.architecture}`);
  return true;
};
