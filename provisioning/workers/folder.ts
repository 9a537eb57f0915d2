/**
 * What a worker needs on its own machine, in a folder of its own: who it is at the broker, and whom it trusts there. No
 * key of the territory is in it.
 */
import path from 'node:path';
import { type Static, Type } from 'typebox';
import type { Files } from '#common/files.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export const WorkerFile = Type.Object(
  {
    territory: Type.String({ minLength: 1, maxLength: 64 }),
    /** Client id and user name at the broker: that of the certificate. */
    name: Type.String({ pattern: '^[a-z0-9.-]{1,64}$' }),
  },
  { additionalProperties: true }, // a newer version may have written more
);
export type WorkerFile = Static<typeof WorkerFile>;

export interface WorkerFolder extends WorkerFile {
  /** PEM, as it is in the folder now: a new certificate counts from the next session on. */
  credentials(): Promise<{ key: string; cert: string; ca: string[] }>;
}

const names = { file: 'worker.json', key: 'worker.key', cert: 'worker.crt', ca: 'ca.crt' } as const;

export async function writeWorkerFolder(
  files: Files,
  directory: string,
  { key, cert, ca, ...worker }: WorkerFile & { key: string; cert: string; ca: readonly string[] },
): Promise<void> {
  const write = (name: keyof typeof names, text: string) => files.write(path.join(directory, names[name]), text);
  await write('key', key);
  await write('cert', cert);
  await write('ca', ca.join(''));
  await write('file', `${JSON.stringify(worker, null, 2)}\n`);
}

/** @throws Refusal `worker-missing`, `config-invalid` */
export async function openWorkerFolder(files: Files, directory: string): Promise<WorkerFolder> {
  const read = async (name: keyof typeof names): Promise<string> => {
    const bytes = await files.read(path.join(directory, names[name]));
    if (!bytes) throw new Refusal('worker-missing', path.join(directory, names[name]));
    return bytes.toString('utf8');
  };
  const parsed = parseJson(WorkerFile, Buffer.from(await read('file')));
  if (!parsed.ok)
    throw new Refusal('config-invalid', `${path.join(directory, names.file)}: ${describeFaults(parsed.faults)}`);
  const credentials = async () => ({ key: await read('key'), cert: await read('cert'), ca: [await read('ca')] });
  await credentials();
  return { ...parsed.value, credentials };
}
