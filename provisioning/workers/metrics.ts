/** `/metrics` of a worker, on an address of its own machine: plain http, figures alone. */
import { createServer, type Server } from 'node:http';
import { refuseRaw } from '#common/http-problems.js';
import { closeHttp, listen } from '#common/listen.js';

export interface MetricsPage {
  /** Answers the port. @throws Refusal as `listen` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
}

/** @param type of the text, as the scraper is told */
export function createMetricsPage(text: () => string, type: string): MetricsPage {
  let running: Server | undefined;
  return {
    start(host, port) {
      const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, reply) => {
        if (request.method !== 'GET' || request.url !== '/metrics') return reply.writeHead(404).end();
        return reply.writeHead(200, { 'content-type': type }).end(text());
      });
      server.on('clientError', refuseRaw);
      server.maxConnections = 100;
      running = server;
      return listen(server, host, port);
    },
    async stop() {
      const server = running;
      running = undefined;
      if (server) await closeHttp(server);
    },
  };
}
