/** Where the simulated box of an app's folder has its things: the same place for whoever asks. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';

export interface DevPlace {
  folder: string;
  /** Kept from one time to the next. */
  dataDir: string;
  /** Of this time. Short, because a socket's path is, however deep the folder lies. */
  runtimeDir: string;
  control: string;
}

/** @throws Refusal `file-unreadable` when there is no such folder */
export async function devPlaceOf(given: string): Promise<DevPlace> {
  const folder = await realpath(given).catch((error: unknown) => {
    throw new Refusal('file-unreadable', given, { cause: error });
  });
  const user = process.getuid?.() ?? 0;
  const name = createHash('sha256').update(`${user} ${folder}`).digest('hex').slice(0, 12);
  const runtimeDir = path.join(tmpdir(), `webizen-dev-${name}`);
  return {
    folder,
    dataDir: path.join(folder, '.webizen', 'dev'),
    runtimeDir,
    control: path.join(runtimeDir, 'dev.sock'),
  };
}
