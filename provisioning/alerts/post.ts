/** One POST, signed. No redirect is followed, nothing of the answer counts but its status, and it may take ten seconds. */
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { signBody } from '#common/signed-body.js';
import { version } from '#common/version.js';
import { signatureHeader } from '#contract/alerts.js';

export interface Posted {
  url: string;
  secret: string;
  id: string;
  body: string;
  /** Milliseconds since 1970. */
  now: number;
  signal: AbortSignal;
}

/** Resolves when the other side has taken it. @throws Error why not, in words */
export type Post = (posted: Posted) => Promise<void>;

const timeoutMilliseconds = 10_000;
const mostAnswerBytes = 64 * 1024;

export const post: Post = (posted) => postWithin(timeoutMilliseconds, posted);

export const postWithin = (milliseconds: number, { url, secret, id, body, now, signal }: Posted): Promise<void> =>
  new Promise((resolve, reject) => {
    const timeout = AbortSignal.timeout(milliseconds);
    const failed = (error: Error) =>
      reject(
        timeout.aborted
          ? new Error(`it did not answer within ${milliseconds / 1000} seconds`, { cause: error })
          : error,
      );
    const options = {
      method: 'POST',
      agent: false,
      maxHeaderSize: 16 * 1024,
      signal: AbortSignal.any([signal, timeout]),
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': `webizen-provider/${version}`,
        'idempotency-key': id,
        [signatureHeader]: signBody(secret, Math.floor(now / 1000), body),
      },
    };
    const send = url.startsWith('https:') ? secureRequest : plainRequest;
    const call = send(url, options, (reply) => {
      const { statusCode = 0 } = reply;
      let size = 0;
      reply.on('data', (part: Buffer) => {
        size += part.length;
        if (size > mostAnswerBytes) reply.destroy();
      });
      reply.on('error', () => {}); // its status has been read
      if (statusCode >= 200 && statusCode < 300) resolve();
      else reject(new Error(`it answered ${statusCode}`));
    });
    call.once('error', failed);
    call.end(body);
  });
