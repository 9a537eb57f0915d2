/** Reads a directory from somebody who is not trusted: what comes is judged by its signature alone, so TLS need not be. */
import { request } from 'node:https';
import { directoryMediaType, directoryTag, largestDirectoryBytes } from '#contract/directory.js';

/**
 * Undefined when the other side has the same one.
 * @throws Error
 */
export type FetchDirectory = (url: URL, held: string | undefined, signal: AbortSignal) => Promise<string | undefined>;

/** The whole answer, from the first byte asked. */
const timeoutMilliseconds = 30_000;

export const fetchDirectory: FetchDirectory = (url, held, signal) =>
  new Promise((resolve, reject) => {
    const call = request(url, {
      agent: false,
      rejectUnauthorized: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMilliseconds)]),
      headers: { accept: directoryMediaType, ...(held === undefined ? {} : { 'if-none-match': directoryTag(held) }) },
    });
    call.once('error', reject);
    call.once('response', (reply) => {
      const chunks: Buffer[] = [];
      let size = 0;
      if (reply.statusCode === 304) resolve(undefined);
      else if (reply.statusCode !== 200) reject(new Error(`status ${reply.statusCode}`));
      if (reply.statusCode !== 200) return void call.destroy();
      reply.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > largestDirectoryBytes) call.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      reply.once('error', reject);
      reply.once('close', () => reject(new Error('the answer ended early')));
      reply.once('end', () => resolve(Buffer.concat(chunks).toString('latin1').trim()));
    });
    call.end();
  });
