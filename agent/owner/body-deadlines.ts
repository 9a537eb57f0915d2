/**
 * How long a request may take to arrive. Node's own `requestTimeout` is one for all, and a large file takes longer than a
 * slow client may be given otherwise; so each request has its own, and only a route that the owner reached lets go of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseSocket } from '#common/http-problems.js';
import { Refusal } from '#contract/problems.js';

export interface BodyDeadlines {
  /** From its headers on. */
  watch(request: IncomingMessage, response: ServerResponse): void;
  /** It arrives as it may: whoever reads it holds it to a pace of its own. */
  letGo(request: IncomingMessage): void;
}

export function createBodyDeadlines(milliseconds: number): BodyDeadlines {
  const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();
  return {
    watch(request, response) {
      const timer = setTimeout(() => {
        if (request.complete) return;
        if (response.headersSent) request.socket.destroy();
        else refuseSocket(new Refusal('body-timeout'), request.socket);
      }, milliseconds).unref();
      timers.set(request, timer);
      request.once('end', () => clearTimeout(timer));
      request.once('close', () => clearTimeout(timer));
    },
    letGo: (request) => clearTimeout(timers.get(request)),
  };
}
