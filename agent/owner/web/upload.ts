/** Sends a file and tells how far it is: `fetch` does not. */
import type { Problem } from '#contract/problems.js';
import { Refused, Unreachable } from './api.js';

/** @throws Refused, Unreachable */
export function upload<T>(
  path: string,
  file: Blob,
  {
    onProgress,
    signal,
    headers = {},
  }: { onProgress: (sent: number) => void; signal: AbortSignal; headers?: Record<string, string> },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (): void => reject(new Unreachable('no answer'));
    request.open('POST', path);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.setRequestHeader('accept', 'application/json');
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onerror = fail;
    request.onabort = fail;
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(JSON.parse(request.responseText));
      if (!request.getResponseHeader('content-type')?.startsWith('application/problem+json')) return fail();
      const problem: Problem = JSON.parse(request.responseText);
      reject(new Refused(problem));
    };
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
