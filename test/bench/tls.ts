/** One request over one new TLS connection, with a secure context that was made before: a client that costs little. */
import { connect, type SecureContext } from 'node:tls';

export interface Once {
  port: number;
  context: SecureContext;
  request: Buffer;
  /** For a context that trusts nobody. */
  rejectUnauthorized?: boolean;
}

/** Answers the body of a 200. @throws Error for anything else */
export function askOnce({ port, context, request, rejectUnauthorized = true }: Once): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, secureContext: context, rejectUnauthorized });
    const chunks: Buffer[] = [];
    socket.once('secureConnect', () => socket.write(request));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('close', () => {
      const bytes = Buffer.concat(chunks);
      const headEnd = bytes.indexOf('\r\n\r\n');
      const head = bytes.toString('latin1', 0, Math.max(0, headEnd));
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
      const body = bytes.subarray(headEnd + 4);
      if (/^HTTP\/1.1 200 /.test(head) && body.length === length) resolve(body);
      else reject(new Error(`the server under load answers ${bytes.toString('utf8')}`));
    });
  });
}

/** So many requests a second are answered, with that many under way at once. */
export async function rateOf(requests: readonly Once[], atOnce: number, done: (answer: Buffer, index: number) => void) {
  let next = 0;
  const began = performance.now();
  async function worker(): Promise<void> {
    while (next < requests.length) {
      const index = next++;
      done(await askOnce(requests[index]!), index);
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (requests.length * 1000) / (performance.now() - began);
}
