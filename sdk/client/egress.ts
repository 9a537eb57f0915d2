/** Servers outside, reached through the app's socket by CONNECT: the box looks the name up, not the app. */
import { type IncomingMessage, request } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { errorOf, unreachable } from './errors.js';

export interface Egress {
  /**
   * A connection to the server, bare: TLS is the app's to add.
   * @throws WebizenError such as `grant-missing`, `egress-unresolved`, `egress-unreachable`
   */
  connect(host: string, port?: number): Promise<Socket>;
  /** For `https.request(url, { agent })`. Certificates are checked as ever, against the name of the server. */
  httpsAgent(): Agent;
}

async function textOf(reply: AsyncIterable<unknown>, head: Buffer): Promise<string> {
  const chunks = [head];
  for await (const chunk of reply) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

export function createEgress(socketPath: string): Egress {
  async function connect(host: string, port = 443): Promise<Socket> {
    const [reply, socket, head] = await new Promise<[IncomingMessage, Socket, Buffer]>((resolve, reject) => {
      const message = request({ socketPath, agent: false, method: 'CONNECT', path: `${host}:${port}` });
      message.once('connect', (...answer: [IncomingMessage, Socket, Buffer]) => resolve(answer));
      message.once('error', reject);
      message.end();
    }).catch((error: unknown) => {
      throw unreachable(socketPath, error);
    });
    const status = reply.statusCode ?? 0;
    if (status !== 200) throw errorOf(status, await textOf(socket, head));
    if (head.length > 0) socket.unshift(head);
    return socket;
  }

  class TunnelAgent extends Agent {
    override createConnection(
      options: RequestOptions & ConnectionOptions,
      callback?: (error: Error | null, stream: Duplex) => void,
    ): undefined {
      const host = options.host ?? '';
      connect(host, Number(options.port ?? 443)).then(
        (socket) => callback?.(null, connectTls({ ...options, socket, servername: options.servername ?? host })),
        (error: unknown) =>
          callback?.(error instanceof Error ? error : new Error(String(error)), new PassThrough().destroy()),
      );
    }
  }

  return { connect, httpsAgent: () => new TunnelAgent({ keepAlive: true }) };
}
