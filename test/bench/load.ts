/** Load for an HTTP server on a unix socket: raw keep-alive connections, one request at a time on each. */
import { connect } from 'node:net';

export interface Load {
  socketPath: string;
  /** A whole request each; sent one after the other, again and again. */
  requests: readonly Buffer[];
  milliseconds: number;
  /** So many requests are sent, however long it takes. */
  atLeast?: number;
  connections?: number;
  /** Told of each answer how many milliseconds it took. */
  took?: (milliseconds: number) => void;
}

export function rawRequest(method: string, target: string, body?: Buffer, type = 'application/octet-stream'): Buffer {
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    ...(body ? [`Content-Type: ${type}`, `Content-Length: ${body.length}`] : []),
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body ?? Buffer.alloc(0)]);
}

/** Where the first answer in these bytes ends; undefined while it is not whole. @throws Error when it is not a 2xx */
function endOfAnswer(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  if (head.charAt(9) !== '2') throw new Error(`the server under load answers ${bytes.toString('utf8')}`);
  const [, length = '0'] = /\r\ncontent-length: (\d+)/i.exec(head) ?? [];
  const end = headEnd + 4 + Number(length);
  return end <= bytes.length ? end : undefined;
}

/** Answers a second. */
export async function load({
  socketPath,
  requests,
  milliseconds,
  atLeast = 0,
  connections = 10,
  took,
}: Load): Promise<number> {
  let next = 0;
  let answers = 0;
  const began = performance.now();
  const until = began + milliseconds;

  const connection = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(socketPath);
      let pending: Buffer | undefined;
      let sentAt = 0;
      const send = () => {
        sentAt = performance.now();
        socket.write(requests[next++ % requests.length]!);
      };
      socket.once('connect', send);
      socket.on('error', reject);
      socket.once('close', () => reject(new Error('the server under load closed a connection')));
      socket.on('data', (chunk: Buffer) => {
        const bytes = pending ? Buffer.concat([pending, chunk]) : chunk;
        try {
          const end = endOfAnswer(bytes);
          pending = end === undefined ? bytes : undefined;
          if (end === undefined) return;
        } catch (error) {
          return void socket.destroy(error instanceof Error ? error : undefined);
        }
        answers += 1;
        const now = performance.now();
        took?.(now - sentAt);
        if (now < until || next < atLeast) return void send();
        socket.removeAllListeners('close').destroy();
        resolve();
      });
    });

  await Promise.all(Array.from({ length: connections }, connection));
  return (answers * 1000) / (performance.now() - began);
}
