/** `app init`: a small app that works. */
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '#common/files.js';
import { Manifest, ReleasedAppId } from '#contract/manifest.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { manifestName } from '../../publish/manifest-file.js';
import { noMoreThan, oneOf, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';

const templates = ['node', 'typescript', 'python', 'shell'] as const;
/** Files in which the app's name and id stand. */
const named = ['README.md', 'package.json'];

/** @throws Refusal `app-folder-taken` */
async function emptyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw isErrno(error, 'EEXIST', 'ENOTDIR') ? new Refusal('app-folder-taken', folder) : error;
  });
  if ((await readdir(folder)).length > 0) throw new Refusal('app-folder-taken', folder);
}

export const init: Command = async (args, { out, templatesDir }) => {
  const { values, positionals } = readArguments(args, { id: text, name: text, template: text });
  noMoreThan(1, positionals);
  const folder = required(positionals[0], 'the folder');
  const id = required(values.id, '--id');
  if (!check(ReleasedAppId, id).ok)
    throw new Refusal('arguments-invalid', '--id is a reverse-domain name in lower case, such as example.visits');
  const name = values.name ?? id.slice(id.lastIndexOf('.') + 1);
  const template = oneOf(values.template ?? 'node', '--template', templates);

  const from = path.join(templatesDir, template);
  const written = parseJson(Manifest, await readFile(path.join(from, manifestName)));
  if (!written.ok) throw new Error(`the template is broken: ${describeFaults(written.faults)}`);
  const manifest = { ...written.value, id, name: { en: name } };
  const fits = check(Manifest, manifest);
  if (!fits.ok) throw new Refusal('arguments-invalid', describeFaults(fits.faults));

  await emptyFolder(folder);
  await cp(from, folder, { recursive: true });
  await rename(path.join(folder, 'gitignore'), path.join(folder, '.gitignore'));
  await writeFile(path.join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const file of named.map((one) => path.join(folder, one))) {
    const page = await readFile(file, 'utf8').catch(() => undefined);
    if (page === undefined) continue;
    await writeFile(
      file,
      page.replaceAll('{{name}}', () => name).replaceAll('{{id}}', () => id),
    );
  }
  out(`${folder}: ${id}, to be read from its README.md on`);
  return true;
};
