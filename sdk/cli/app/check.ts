/** `app check`: everything that is wrong with the manifest, at once. */
import { faultLines, manifestName, readManifest } from '../../publish/manifest-file.js';
import { flag, noMoreThan, readArguments } from '../arguments.js';
import type { Command } from '../command.js';

export const check: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { json: flag });
  noMoreThan(1, positionals);
  const read = await readManifest(positionals[0] ?? '.');
  const faults = read.ok ? [] : read.faults;
  if (values.json) out(JSON.stringify({ ok: read.ok, faults }, null, 2));
  else if (read.ok) out(`OK: ${read.manifest.id} ${read.manifest.version}`);
  else {
    out(`${manifestName} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:`);
    for (const line of faultLines(faults)) out(line);
  }
  return read.ok;
};
