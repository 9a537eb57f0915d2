/** Node writes the `Date` of an answer by the machine's clock; a provider whose clock a test moves has to say that one's. */
import { ServerResponse } from 'node:http';
import type { Clock } from '#common/clock.js';

/** Of all servers in this process. Answers the way to end it. */
export function answerByClock(clock: Clock): () => void {
  const { writeHead } = ServerResponse.prototype;
  ServerResponse.prototype.writeHead = function dated(this: ServerResponse, ...given: unknown[]) {
    this.setHeader('Date', new Date(clock.now()).toUTCString());
    return Reflect.apply(writeHead, this, given);
  };
  return () => {
    ServerResponse.prototype.writeHead = writeHead;
  };
}
