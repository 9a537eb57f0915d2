/** Other programs, run to their end; what they print goes where ours does, unless it is asked for. */
import { execFileSync, type StdioOptions } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface RunOptions {
  /** Beside our own environment. */
  env?: Record<string, string>;
  input?: string | Uint8Array;
}

const largest = 256 * 1024 ** 2;

function execute(stdout: 'pipe' | 'inherit', file: string, args: string[], { env = {}, input }: RunOptions): Buffer {
  const stdio: StdioOptions = [input === undefined ? 'ignore' : 'pipe', stdout, 'inherit'];
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return execFileSync('env', [...variables, file, ...args], { stdio, input, maxBuffer: largest });
}

/** @throws Error when it cannot be run or ends with another code than 0 */
export function run(file: string, args: string[], options: RunOptions = {}): void {
  execute('inherit', file, args, options);
}

/** What it prints. @throws Error as `run` */
export const outputOf = (file: string, args: string[], options: RunOptions = {}): string =>
  execute('pipe', file, args, options).toString('utf8');

export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of a file that fits into memory. */
export const sha256OfFile = (file: string): string => sha256(readFileSync(file));
