/** A webhook's other side: a real server that answers as the test says, and keeps what came. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AlertDelivery } from '#contract/alerts.js';
import { parseJson } from '#contract/parse.js';

export interface Received {
  delivery: AlertDelivery;
  headers: IncomingHttpHeaders;
  text: string;
  status: number;
}

export type Answer = number | 'hang' | 'drop' | ((reply: ServerResponse) => void);

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** How the next ones are answered; the last of them stays. */
  answers(...answers: Answer[]): void;
  /** Resolves once so many have come, in all. */
  count(count: number): Promise<Received[]>;
  stop(): Promise<void>;
  /** On the same port. */
  startAgain(): Promise<void>;
}

export async function startReceiver(t: { teardown(work: () => unknown): void }): Promise<Receiver> {
  const received: Received[] = [];
  const watchers = new Set<() => void>();
  let planned: Answer[] = [200];
  let server: Server | undefined;
  let port = 0;

  async function listen(): Promise<void> {
    server = createServer(async (request, reply) => {
      let text = '';
      for await (const part of request) text += part;
      const answer = planned.length > 1 ? planned.shift()! : planned[0]!;
      const parsed = parseJson(AlertDelivery, text);
      if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
      received.push({
        ...{ delivery: parsed.value, headers: request.headers, text },
        status: typeof answer === 'number' ? answer : 0,
      });
      if (typeof answer === 'function') answer(reply);
      else if (answer === 'drop') request.socket.destroy();
      else if (answer !== 'hang') reply.writeHead(answer, answer === 302 ? { location: '/elsewhere' } : {}).end('so');
      for (const watcher of watchers) watcher();
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }
  async function stop(): Promise<void> {
    const closing = server;
    server = undefined;
    closing?.closeAllConnections();
    if (closing) await new Promise((resolve) => closing.close(resolve));
  }
  t.teardown(stop);
  await listen();
  return {
    get url() {
      return `http://127.0.0.1:${port}/hook`;
    },
    received,
    answers(...answers) {
      planned = answers;
    },
    async count(count) {
      while (received.length < count)
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
        });
      return received;
    },
    stop,
    startAgain: listen,
  };
}

/** As the other side checks it. */
export function isSigned({ headers, text }: Received, secret: string): boolean {
  const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['webizen-signature'])) ?? [];
  return createHmac('sha256', secret).update(`${seconds}.${text}`).digest('hex') === signature;
}
