import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

interface Teardown {
  teardown(work: () => unknown): void;
}

/** A folder of the test's own, short enough for sockets, gone when the test ends. */
export async function ownFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wz-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
