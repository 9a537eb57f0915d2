/** One look at an app's health, by whichever kind its manifest names. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { isErrno } from '#common/files.js';
import type { HealthCheck } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { Inside } from './engine.js';

/** `unknown`: the engine could not be asked, which says nothing about the app. */
export type Seen = 'well' | 'unknown' | { why: string };
export type Look = (signal: AbortSignal) => Promise<Seen>;

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

function lookByCommand(command: readonly string[], inside: Inside): Look {
  return async (signal) => {
    const code = await inside.exec(command, signal);
    if (code === null) return { why: 'the health command did not end in time' };
    return code === 0 ? 'well' : { why: `the health command ended with code ${code}` };
  };
}

function lookByHttp(path: string, inside: Inside): Look {
  let directory: string | undefined;
  return async (signal) => {
    directory ??= await inside.runDirectory();
    if (directory === undefined) return { why: 'its run directory is gone' };
    try {
      const status = await statusOf(directory, { path, signal });
      return status >= 200 && status <= 299 ? 'well' : { why: `GET ${path} answers ${status}` };
    } catch (error) {
      return { why: signal.aborted ? `GET ${path} was not answered in time` : words(error) };
    }
  };
}

/** For `ready` there is nothing to look at: the app speaks up. */
export function createLook(health: Exclude<HealthCheck, { kind: 'ready' }>, inside: Inside): Look {
  const look = health.kind === 'http' ? lookByHttp(health.path, inside) : lookByCommand(health.command, inside);
  return (signal) =>
    look(signal).catch((error: unknown) => {
      if (error instanceof Refusal && error.code === 'runtime-unavailable') return 'unknown';
      return { why: words(error) };
    });
}
