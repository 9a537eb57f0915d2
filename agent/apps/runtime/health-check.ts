/** One look at an app's health, by whichever kind its manifest names. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { isErrno } from '#common/files.js';
import type { HealthCheck } from '#contract/manifest.js';
import type { Podman } from './podman.js';

/** Undefined: it is well; else what was seen, in words. */
export type Look = (signal: AbortSignal) => Promise<string | undefined>;

/** open(2); the same number on every processor that the product runs on. Node has no name for it. */
const O_PATH = 0o10_000_000;

/**
 * What lies in the run directory is the app's, and it may put a link there to a socket that it cannot reach itself. So the
 * file is held without following links, seen to be a socket, and that very file is connected to.
 */
async function statusOf(directory: string, wish: { path: string; signal: AbortSignal }): Promise<number> {
  const handle = await open(path.join(directory, 'health.sock'), O_PATH | constants.O_NOFOLLOW);
  try {
    if (!(await handle.stat()).isSocket()) throw new Error('health.sock is not a socket');
    return await new Promise((resolve, reject) => {
      const asked = request(
        {
          socketPath: `/proc/self/fd/${handle.fd}`,
          path: wish.path,
          headers: { host: 'app', connection: 'close' },
          agent: false,
          signal: wish.signal,
        },
        (reply) => {
          reply.on('error', () => {});
          resolve(reply.statusCode ?? 0);
          asked.destroy(); // the body may have no end
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  } finally {
    await handle.close();
  }
}

const words = (error: unknown): string => {
  if (isErrno(error, 'ENOENT')) return 'there is no health.sock in the run directory';
  if (isErrno(error, 'ECONNREFUSED')) return 'nothing listens on health.sock';
  return error instanceof Error ? error.message : String(error);
};

/** For `ready` there is nothing to look at: the app speaks up. */
export function createLook({
  health,
  podman,
  container,
  volume,
}: {
  health: Exclude<HealthCheck, { kind: 'ready' }>;
  podman: Pick<Podman, 'exec' | 'volume'>;
  container: string;
  volume: string;
}): Look {
  if (health.kind === 'command')
    return async (signal) => {
      const code = await podman.exec(container, health.command, signal);
      if (code === null) return 'the health command did not end in time';
      return code === 0 ? undefined : `the health command ended with code ${code}`;
    };
  return async (signal) => {
    const directory = await podman.volume(volume);
    if (!directory) return 'the run directory is gone';
    try {
      const status = await statusOf(directory, { path: health.path, signal });
      return status >= 200 && status <= 299 ? undefined : `GET ${health.path} answers ${status}`;
    } catch (error) {
      return signal.aborted ? `GET ${health.path} was not answered in time` : words(error);
    }
  };
}
