/** A file that the owner sends: handed on as it arrives, never held whole; neither longer nor slower than allowed. */
import type { IncomingMessage } from 'node:http';
import { Refusal } from '#contract/problems.js';

export interface UploadLimits {
  bytes: number;
  /** The longest pause, in milliseconds. */
  pauseMilliseconds: number;
}

/**
 * What is left of a body that was refused is read and dropped by Node, so that the answer arrives: the request must not be
 * destroyed with the iterator.
 *
 * @throws Refusal `body-too-large`, `body-timeout`, `upload-broken`
 */
export async function* arriving(request: IncomingMessage, limits: UploadLimits): AsyncGenerator<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > limits.bytes) throw new Refusal('body-too-large');
  let isSlow = false;
  const timer = setTimeout(() => {
    isSlow = true;
    request.destroy();
  }, limits.pauseMilliseconds).unref();
  const parts: AsyncIterableIterator<Buffer> = request.iterator({ destroyOnReturn: false });
  let bytes = 0;
  try {
    for await (const part of parts) {
      bytes += part.length;
      if (bytes > limits.bytes) throw new Refusal('body-too-large');
      yield part;
      timer.refresh(); // the pause counts from when more is wanted: a slow disk is not a slow sender
    }
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(isSlow ? 'body-timeout' : 'upload-broken', undefined, { cause });
  } finally {
    clearTimeout(timer);
  }
  if (!request.complete) throw new Refusal(isSlow ? 'body-timeout' : 'upload-broken');
}
