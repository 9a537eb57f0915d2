/** `app base`: the layer that Node apps share, of a node executable. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { packBase } from '#common/archive/base.js';
import { files } from '#common/files.js';
import { architectureOf, type Base, baseBlobs, baseFile } from '../../publish/base.js';
import { noMoreThan, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';

export const base: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { node: text, out: text });
  noMoreThan(0, positionals);
  const [node, directory] = [required(values.node, '--node'), required(values.out, '--out')];
  const architecture = await architectureOf(node);
  await mkdir(baseBlobs(directory), { recursive: true });
  const packed = await packBase({ node, directory: baseBlobs(directory) });
  // One that cannot run here is packed all the same, and goes without a name.
  const told = await promisify(execFile)(node, ['--version']).catch(() => ({ stdout: '' }));
  const [version] = /^v\d+\.\d+\.\d+/.exec(told.stdout) ?? [];
  const made: Base = { architecture, layers: [packed], ...(version ? { about: `Node.js ${version}` } : {}) };
  await files.write(baseFile(directory), `${JSON.stringify(made, null, 2)}\n`, 0o644);
  out(`${packed.layer.digest}  ${packed.layer.size} bytes, ${made.about ?? 'version not known'} for ${architecture}`);
  return true;
};
